import { queryOptions } from '@tanstack/react-query'
import { getJson } from '#components/shell/get-json.ts'
import type { BlastRadius, StopOrderView, StopScope } from '#lib/killswitch/schema.ts'

/** The orders in force; every page asks again each five seconds. */
export function openStopsQuery() {
  return queryOptions({
    queryKey: ['stops', 'open'],
    queryFn: ({ signal }) => getJson<StopOrderView[]>('/api/portal/stops', signal),
    refetchInterval: 5000,
  })
}

/** What an order would stop, as of now. */
export function blastRadiusQuery(target: { scope: StopScope; targetId: string }) {
  return queryOptions({
    queryKey: ['stops', 'blast-radius', target],
    queryFn: ({ signal }) => getJson<BlastRadius>(`/api/portal/blast-radius?${new URLSearchParams(target)}`, signal),
    staleTime: 0,
  })
}
