import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { ok, type Result, err } from '#lib/core/result.ts'
import {
  type Found,
  type InTx,
  type Row,
  rowSelect,
  type Seen,
  sightingsAtOnce,
  subjectOf,
  writeSightings,
} from '../sightings.ts'
import type { CarriedPrompt, DismissUnregisteredInput, UnregisteredState } from '../schema/unregistered.ts'

/**
 * Notes what was seen and is not registered: once for each source and key, counted, with the first and the last time. What is new or comes
 * back is told in the audit log, the rest is not. What callers only claim is kept apart up to a limit. Many are noted in several transactions,
 * so that nobody else who notes something waits long, and what was noted before a failure stays. For our own processes.
 */
export async function noteUnregistered(ctx: Ctx, sightings: readonly Seen[]): Promise<Found> {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
  const found: Found = { added: 0, seenAgain: 0 }
  for (let from = 0; from < sightings.length; from += sightingsAtOnce) {
    const some = sightings.slice(from, from + sightingsAtOnce)
    const { added, seenAgain } = await inTx(ctx, async (_, ctx) => await writeSightings(ctx, some))
    found.added += added
    found.seenAgain += seenAgain
  }
  return found
}

/**
 * Says that something unregistered is nothing to register, and why. Refused when it was decided already. Needs `discovery:manage`; throws
 * `not_found`.
 */
export async function dismissUnregistered(
  ctx: Ctx,
  input: DismissUnregisteredInput,
): Promise<Result<null, { rule: string; message: string }>> {
  authorize(ctx, 'discovery:manage')
  return await inTx(ctx, async (_, ctx) => {
    const row = await lockUnregistered(ctx, input.unregisteredId)
    if (row.state !== 'open') return err(decidedAlready(row.state))
    await decide(ctx, { id: row.id, state: 'dismissed', reason: input.reason })
    recordAudit(ctx.tx, ctx, {
      event: 'unregistered.dismissed',
      subject: subjectOf(row),
      detail: { reason: input.reason },
    })
    return ok(null)
  })
}

/** Marks one as registered under this id, in the transaction that registers it. Throws `conflict` when it was decided already. */
export async function closeAdopted(
  ctx: InTx,
  input: { unregisteredId: string; agentId: string; prompt: CarriedPrompt },
): Promise<void> {
  const row = await lockUnregistered(ctx, input.unregisteredId)
  if (row.state !== 'open') {
    const { rule, message } = decidedAlready(row.state)
    throw new DomainError('conflict', message, { rule })
  }
  await decide(ctx, { id: row.id, state: 'adopted', reason: null, agentId: input.agentId })
  recordAudit(ctx.tx, ctx, {
    event: 'unregistered.adopted',
    subject: subjectOf(row),
    agentId: input.agentId,
    detail: { agentId: input.agentId, prompt: input.prompt },
  })
}

/**
 * Closes the agents at Claude that wait for a decision and that a whole listing, begun at `listedAt`, does not hold any more, or that belong to a
 * registered agent by now. What no listing has held (an import, somebody else's Claude) is left: nobody can say that it is gone. For our own
 * processes.
 */
export async function closeGone(ctx: Ctx, input: { listedAt: Date }): Promise<number> {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
  return await inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended('unregistered', 0))::text`
    const gone = await tx.$queryRaw<Pick<Row, 'id' | 'name'>[]>`
      select u."id", u."name" from "UnregisteredAgent" u where u."source" = 'claude' and u."state" = 'open'
        and (u."listedAt" < ${input.listedAt} or exists (select 1 from "ClaudeBinding" b where b."claudeAgentId" = u."key"))`
    await tx.unregisteredAgent.updateMany({
      where: { id: { in: gone.map(({ id }) => id) }, state: 'open' },
      data: { state: 'gone', decidedAt: ctx.now },
    })
    for (const row of gone) {
      recordAudit(tx, ctx, { event: 'unregistered.gone', subject: subjectOf(row), detail: {} })
    }
    return gone.length
  })
}

const keptMs = 30 * 86_400_000

/** Deletes what callers claimed and nobody has seen for 30 days, so that its place is free. The worker calls it every hour. */
export async function forgetUnregistered(ctx: Ctx): Promise<number> {
  const before = new Date(ctx.now.getTime() - keptMs)
  return await inTx(ctx, async (tx) => {
    const { count } = await tx.unregisteredAgent.deleteMany({
      where: { verified: false, lastSeenAt: { lt: before }, state: { not: 'adopted' } },
    })
    return count
  })
}

async function lockUnregistered(ctx: InTx, id: string): Promise<Row> {
  await ctx.tx.$queryRaw`select 1 from "UnregisteredAgent" where "id" = ${id}::uuid for update`
  const row = await ctx.tx.unregisteredAgent.findUnique({ where: { id }, select: rowSelect })
  if (!row) throw new DomainError('not_found', 'There is no such finding.')
  return row
}

function decidedAlready(state: string): { rule: string; message: string } {
  return { rule: 'registry:already_decided', message: `It was decided already: it is ${state}.` }
}

async function decide(
  ctx: InTx,
  to: { id: string; state: UnregisteredState; reason: string | null; agentId?: string },
): Promise<void> {
  const { id, state, reason, agentId = null } = to
  await ctx.tx.unregisteredAgent.update({
    where: { id },
    data: { state, reason, agentId, decidedAt: ctx.now, decidedByName: ctx.actor.name },
  })
}
