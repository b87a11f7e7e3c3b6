import type { Ctx } from '#lib/auth/ctx.ts'
import type { EscalationListQuery, EscalationPage, RunEventView, RunListQuery, RunPage, RunView } from './schema.ts'

/** Runs, newest first, a page at a time. Needs `runs:read`. */
export async function listRuns(ctx: Ctx, query: RunListQuery): Promise<RunPage> {
  throw new Error(`not built yet ${String(ctx)} ${String(query)}`)
}

/** One run with its escalations. Needs `runs:read`; throws `not_found`. */
export async function getRun(ctx: Ctx, runId: string): Promise<RunView> {
  throw new Error(`not built yet ${String(ctx)} ${String(runId)}`)
}

/** The run log after a sequence number (0: from the start), in order, at most 500. Needs `runs:read`. */
export async function listRunEvents(ctx: Ctx, query: { runId: string; after: number }): Promise<RunEventView[]> {
  throw new Error(`not built yet ${String(ctx)} ${String(query)}`)
}

/** Escalations, newest first. Needs `runs:read`. */
export async function listEscalations(ctx: Ctx, query: EscalationListQuery): Promise<EscalationPage> {
  throw new Error(`not built yet ${String(ctx)} ${String(query)}`)
}
