import { listHeldCalls } from '#lib/guardrails/queries/held-calls.ts'
import { apiRoute } from '#lib/web/route.ts'

/** What waits now, for the page that is open and the badge. */
export const GET = apiRoute({}, (ctx) => listHeldCalls(ctx, { state: 'waiting', limit: 100 }))
