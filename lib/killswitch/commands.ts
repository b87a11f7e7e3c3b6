import type { Ctx } from '#lib/auth/ctx.ts'
import type { Result } from '#lib/core/result.ts'
import type { OrderRefusal, OrderStopInput, ReleaseRefusal, ReleaseStopInput } from './schema.ts'

/**
 * Stops a target from now on: launches and calls are refused by every process that reads the order, and open runs it covers are
 * marked stopping and interrupted by a job each. Needs `stops:order`. One open order a target: the second is told who was first.
 */
export async function orderStop(
  ctx: Ctx,
  input: OrderStopInput,
): Promise<Result<{ orderId: string; runs: number }, OrderRefusal>> {
  throw new Error(`not built yet ${String(ctx)} ${String(input)}`)
}

/** Ends an order; nothing restarts by itself. Needs `stops:release`; throws `not_found`. */
export async function releaseStop(
  ctx: Ctx,
  input: ReleaseStopInput,
): Promise<Result<{ orderId: string }, ReleaseRefusal>> {
  throw new Error(`not built yet ${String(ctx)} ${String(input)}`)
}

/** Records what a process did about an order; the first acknowledgement of an instance counts, and is audited. For our own processes only. */
export async function acknowledgeStop(
  ctx: Ctx,
  ack: { orderId: string; process: 'broker' | 'sandbox' | 'worker'; instance: string; detail: Record<string, unknown> },
): Promise<void> {
  throw new Error(`not built yet ${String(ctx)} ${String(ack)}`)
}
