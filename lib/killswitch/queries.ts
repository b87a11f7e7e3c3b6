import type { Ctx } from '#lib/auth/ctx.ts'
import type { BlastRadius, StopListQuery, StopOrderView, StopTargetInput } from './schema.ts'

/** The orders in force, oldest first: what the banner shows on every page. Needs `stops:read`. */
export async function openStops(ctx: Ctx): Promise<StopOrderView[]> {
  throw new Error(`not built yet ${String(ctx)}`)
}

/** Orders with their acknowledgements, newest first. Needs `stops:read`. */
export async function listStops(ctx: Ctx, query: StopListQuery): Promise<StopOrderView[]> {
  throw new Error(`not built yet ${String(ctx)} ${String(query)}`)
}

/** What an order would stop: agents that are not retired, their open runs and enabled schedules. Needs `stops:read`; throws `not_found`. */
export async function blastRadius(ctx: Ctx, target: StopTargetInput): Promise<BlastRadius> {
  throw new Error(`not built yet ${String(ctx)} ${String(target)}`)
}
