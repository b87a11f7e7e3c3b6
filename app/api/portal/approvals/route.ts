import { listHeldCalls } from '#lib/guardrails/queries/held-calls.ts'
import { waitingCallsInput } from '#lib/guardrails/schema/held-calls.ts'
import { apiRoute } from '#lib/web/route.ts'

/** What waits now, for the page that is open, the page of a run and the badge. */
export const GET = apiRoute({ query: waitingCallsInput }, (ctx, { query }) =>
  listHeldCalls(ctx, { ...query, state: 'waiting', first: 'decidable' }),
)
