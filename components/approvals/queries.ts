import { queryOptions } from '@tanstack/react-query'
import { skewOf } from './time-left.ts'
import { getJson } from '#components/shell/get-json.ts'
import type { HoldScope } from '#lib/guardrails/schema/hold-insight.ts'
import type { HeldCallList, WaitingCallsInput } from '#lib/guardrails/schema/held-calls.ts'

/** With how far the platform's clock is ahead of the one here. */
export type WaitingCalls = HeldCallList & { skewMs: number }

/** The calls that wait for a person: those that the reader may decide about first, each part oldest first. */
export function waitingCallsQuery(asked: WaitingCallsInput = {}) {
  const given = Object.entries(asked).filter((entry): entry is [string, string] => !!entry[1])
  const search = given.length > 0 ? `?${new URLSearchParams(given)}` : ''
  return queryOptions({
    queryKey: ['approvals', 'waiting', search],
    queryFn: async ({ signal }): Promise<WaitingCalls> => {
      const askedAt = Date.now()
      const list = await getJson<HeldCallList>(`/api/portal/approvals${search}`, signal)
      return { ...list, skewMs: skewOf(list, askedAt) }
    },
    refetchInterval: 3000,
  })
}

/** Where one asks what a rule would have held. */
export function forecastUrl(scope: HoldScope): string {
  const given = Object.entries(scope).filter((entry): entry is [string, string] => !!entry[1])
  return `/api/portal/hold-forecast?${new URLSearchParams(given)}`
}
