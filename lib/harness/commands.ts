import type { Ctx } from '#lib/auth/ctx.ts'
import type { Result } from '#lib/core/result.ts'
import type { LaunchRefusal, ResolveEscalationInput, StartRunInput, StopRunInput } from './schema.ts'

/**
 * Asks the launch gate and queues a run of the agent's current version; a refusal is a run row too, with its rule. Needs `runs:start`.
 * The session at Claude is created by a job of the same transaction.
 */
export async function startRun(ctx: Ctx, input: StartRunInput): Promise<Result<{ runId: string }, LaunchRefusal>> {
  throw new Error(`not built yet ${String(ctx)} ${String(input)}`)
}

/** Stops one run: its token is refused from the commit on, its session is interrupted by a job. Needs `runs:stop`; a run that has ended stays as it is. */
export async function stopRun(
  ctx: Ctx,
  input: StopRunInput,
): Promise<Result<{ runId: string }, { reason: 'not_open'; state: string }>> {
  throw new Error(`not built yet ${String(ctx)} ${String(input)}`)
}

/** Marks an escalation as dealt with. Needs `escalations:resolve`; throws `not_found`; the second one changes nothing. */
export async function resolveEscalation(ctx: Ctx, input: ResolveEscalationInput): Promise<{ resolved: boolean }> {
  throw new Error(`not built yet ${String(ctx)} ${String(input)}`)
}

/** Tries a creation again that failed; steps that are done stay done. Needs `agents:create`. */
export async function retryProvisioning(
  ctx: Ctx,
  input: { agentId: string },
): Promise<Result<{ agentId: string }, { reason: 'nothing_failed' }>> {
  throw new Error(`not built yet ${String(ctx)} ${String(input)}`)
}
