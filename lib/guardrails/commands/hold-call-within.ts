import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { digestOfCall } from '../rules/held-calls.ts'
import { decideSecondsMax } from '../schema/held-calls.ts'
import { requireSystem } from '../system-only.ts'
import { holdCall, type HoldCallInput, type HeldTicket } from './held-calls.ts'

/** What the calls of one agent that wait may be together, at all brokers; and how long this one is. */
export type WaitingLimits = { callsMax: number; bytesMax: number; bytes: number }
/** What of it is used up. */
export type WaitingFull = { of: 'calls' | 'bytes'; used: number }

/** An open call was made within this time: longer than any rule lets people take, and than its end may lie unfetched. */
const openMs = (decideSecondsMax + 3600) * 1000

/**
 * As `holdCall`, where the agent has room for one more: its calls are counted in the rows, so also those of other brokers, and those whose caller has gone and may come back. What
 * waits already is found however many there are. Two at once take turns.
 */
export async function holdCallWithin(
  ctx: Ctx,
  input: HoldCallInput,
  limits: WaitingLimits,
): Promise<Result<HeldTicket, WaitingFull>> {
  requireSystem(ctx)
  const { callsMax, bytesMax, bytes } = limits
  const { agentId } = input.call
  const digest = digestOfCall(input.call)
  return await inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended(${`held-calls:${agentId}`}, 0))::text`
    // As long as they are stored, which costs no look at them.
    const [open] = await tx.$queryRaw<{ calls: number; bytes: number; known: boolean }[]>`
      select count(*) filter (where "state" = 'waiting')::int as "calls",
        least(coalesce(sum(pg_column_size("arguments") + coalesce(pg_column_size("inputResponses"), 0))
          filter (where "state" = 'waiting'), 0), 2000000000)::int as "bytes",
        coalesce(bool_or("digest" = ${digest}), false) as "known"
      from "HeldCall" where "agentId" = ${agentId} and "createdAt" > ${new Date(ctx.now.getTime() - openMs)}
        and "settledAt" is null and "state" <> 'cancelled' and "source" = 'broker'`
    if (open && !open.known) {
      if (open.calls >= callsMax) return err({ of: 'calls' as const, used: open.calls })
      if (open.bytes + bytes > bytesMax) return err({ of: 'bytes' as const, used: open.bytes })
    }
    return ok(await holdCall(ctx, input))
  })
}
