import { queryOptions } from '@tanstack/react-query'
import { getJson } from '#components/shell/get-json.ts'
import type { HeldCallList } from '#lib/guardrails/schema/held-calls.ts'

/** The calls that wait for a person, oldest first. */
export function waitingCallsQuery() {
  return queryOptions({
    queryKey: ['approvals', 'waiting'],
    queryFn: ({ signal }) => getJson<HeldCallList>('/api/portal/approvals', signal),
    refetchInterval: 3000,
  })
}
