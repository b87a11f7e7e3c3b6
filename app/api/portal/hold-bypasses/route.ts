import { listHoldBypasses } from '#lib/guardrails/queries/hold-bypasses.ts'
import { apiRoute } from '#lib/web/route.ts'

/** Those in force, for the banner. */
export const GET = apiRoute({}, (ctx) => listHoldBypasses(ctx, {}, { counted: false }))
