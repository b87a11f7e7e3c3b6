import { queryOptions } from '@tanstack/react-query'
import { getJson } from '#components/shell/get-json.ts'
import type { HoldScope } from '#lib/guardrails/schema/hold-insight.ts'
import type { HeldCallList } from '#lib/guardrails/schema/held-calls.ts'

/** The calls that wait for a person, oldest first. */
export function waitingCallsQuery() {
  return queryOptions({
    queryKey: ['approvals', 'waiting'],
    queryFn: ({ signal }) => getJson<HeldCallList>('/api/portal/approvals', signal),
    refetchInterval: 3000,
  })
}

/** Where one asks what a rule would have held. */
export function forecastUrl(scope: HoldScope): string {
  const given = Object.entries(scope).filter((entry): entry is [string, string] => !!entry[1])
  return `/api/portal/hold-forecast?${new URLSearchParams(given)}`
}
