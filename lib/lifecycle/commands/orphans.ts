import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject, lockAgent } from '#lib/registry/commands.ts'
import { authorizeForTeam } from '#lib/registry/rules.ts'
import { type GraceDays, graceEnd } from '../rules/orphans.ts'
import type { MoveRefusal, TakeOverInput } from '../schema.ts'
import { resumeAgent, suspendAgent } from './moves.ts'

type TxCtx = Ctx & { tx: Tx }

/** Of each kind in one turn: the rest is found by the next. */
const batchSize = 100

/**
 * Keeps the record of agents whose accountable person cannot sign in: tells of new ones, ends it for those somebody answers for again, and
 * suspends those whose grace is over; the grace is that of the tier an agent has now. It looks at the tables, so it finds whoever left by whichever way. For our own jobs; several may
 * run at once.
 */
export async function watchOrphans(
  ctx: Ctx,
  { graceDays }: { graceDays: GraceDays },
): Promise<{ orphaned: number; ended: number; suspended: number }> {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
  const { db, now } = ctx
  const found = await db.$queryRaw<
    { id: string }[]
  >`select a."id" from "Person" p join "Agent" a on a."accountablePersonId" = p."id"
    left join "OrphanedAgent" o on o."agentId" = a."id" and o."personId" = p."id" and o."since" = coalesce(p."deactivatedAt", o."since")
    where not p."active" and a."status" <> 'retired' and o."agentId" is null order by a."id" limit ${batchSize}`
  const over = await db.$queryRaw<{ id: string }[]>`select o."agentId" as "id" from "OrphanedAgent" o
    join "Agent" a on a."id" = o."agentId" join "Person" p on p."id" = a."accountablePersonId"
    where p."active" or a."status" = 'retired' order by 1 limit ${batchSize}`
  const moved = await db.$queryRaw<{ id: string }[]>`select o."agentId" as "id" from "OrphanedAgent" o
    join "Agent" a on a."id" = o."agentId"
    where o."suspendedAt" is null and a."status" <> 'retired' and o."suspendAt" <> o."since" + make_interval(days =>
      case a."tier" when 'high' then ${graceDays.high}::int when 'medium' then ${graceDays.medium}::int else ${graceDays.low}::int end)
    order by 1 limit ${batchSize}`
  const count = { orphaned: 0, ended: 0, suspended: 0 }
  for (const { id } of over) count.ended += await inTx(ctx, (_, ctx) => endOrphan(ctx, id))
  for (const { id } of moved) await inTx(ctx, (_, ctx) => moveGrace(ctx, { id, graceDays }))
  for (const { id } of found) count.orphaned += await inTx(ctx, (_, ctx) => announce(ctx, { id, graceDays }))
  const due = await db.$queryRaw<{ id: string }[]>`select o."agentId" as "id" from "OrphanedAgent" o
    join "Agent" a on a."id" = o."agentId" where o."suspendAt" <= ${now} and a."status" = 'active' order by 1 limit ${batchSize}`
  for (const { id } of due) count.suspended += await inTx(ctx, (_, ctx) => suspendOrphan(ctx, id))
  return count
}

/**
 * Names who answers for an orphaned agent from now on, and resumes it if it was suspended because nobody did. Needs `agents:take_over` in
 * the owner team; throws `invalid` for a person who cannot sign in. Of two who take over at once, the second is told who was first.
 */
export async function takeOverAgent(
  ctx: Ctx,
  input: TakeOverInput,
): Promise<Result<{ resumed: boolean }, MoveRefusal>> {
  authorize(ctx, 'agents:take_over')
  return await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, input.agentId)
    authorizeForTeam(ctx, 'agents:take_over', agent.ownerTeam)
    const { status } = agent
    if (status === 'retired') {
      return err({ rule: 'lifecycle:retired', message: 'The agent is retired: nobody has to answer for it.', status })
    }
    const before = await personOf(tx, agent.accountablePersonId)
    const after = await personOf(tx, input.accountablePersonId)
    if (!after?.active) {
      const message = 'The accountable person must be somebody who can sign in.'
      throw new DomainError('invalid', message, { field: 'accountablePersonId' })
    }
    const orphan = await tx.orphanedAgent.findUnique({ where: { agentId: agent.id } })
    if (before?.active && !orphan?.suspendedAt) {
      const message = `${before.name} answers for it already; change that with Edit in the registry entry.`
      return err({ rule: 'lifecycle:not_orphaned', message, status })
    }
    await tx.agent.update({
      where: { id: agent.id },
      data: { accountablePersonId: after.id, updatedAt: ctx.now },
    })
    await tx.orphanedAgent.deleteMany({ where: { agentId: agent.id } })
    const reason = input.reason ?? null
    const resumed = status === 'suspended' && !!orphan?.suspendedAt
    recordAudit(tx, ctx, {
      event: 'agent.taken_over',
      ...agentSubject(agent),
      detail: {
        before: { accountablePersonId: agent.accountablePersonId },
        after: { accountablePersonId: after.id },
        resumed,
        reason,
      },
    })
    if (resumed) await resumeAgent(ctx, { agentId: agent.id, reason: reason ?? `${after.name} answers for it now.` })
    return ok({ resumed })
  })
}

async function announce(ctx: TxCtx, { id, graceDays }: { id: string; graceDays: GraceDays }): Promise<number> {
  const { tx } = ctx
  const agent = await lockAgent(tx, id)
  const person = await personOf(tx, agent.accountablePersonId)
  if (!person || person.active || agent.status === 'retired') return 0
  const known = await tx.orphanedAgent.findUnique({ where: { agentId: id } })
  const since = person.deactivatedAt ?? (known?.personId === person.id ? known.since : ctx.now)
  // Another worker was first.
  if (known?.personId === person.id && known.since.getTime() === since.getTime()) return 0
  const because = person.deactivatedBecause ?? 'unknown'
  const suspendAt = graceEnd(agent.tier, { since, graceDays })
  const state = { personId: person.id, because, since, suspendAt }
  await tx.orphanedAgent.upsert({
    where: { agentId: id },
    create: { agentId: id, ...state },
    update: state,
  })
  recordAudit(tx, ctx, {
    event: 'agent.orphaned',
    ...agentSubject(agent),
    detail: { personId: person.id, because, since: since.toISOString(), suspendAt: suspendAt.toISOString() },
  })
  return 1
}

/** Another tier, or another setting, has another grace; it counts from the same day. */
async function moveGrace(ctx: TxCtx, { id, graceDays }: { id: string; graceDays: GraceDays }): Promise<void> {
  const { tx } = ctx
  const agent = await lockAgent(tx, id)
  const orphan = await tx.orphanedAgent.findUnique({ where: { agentId: id } })
  if (!orphan || orphan.suspendedAt || agent.status === 'retired') return
  const suspendAt = graceEnd(agent.tier, { since: orphan.since, graceDays })
  // Another worker was first.
  if (suspendAt.getTime() === orphan.suspendAt.getTime()) return
  await tx.orphanedAgent.update({ where: { agentId: id }, data: { suspendAt } })
  recordAudit(tx, ctx, {
    event: 'agent.orphan_grace_changed',
    ...agentSubject(agent),
    detail: { tier: agent.tier, before: orphan.suspendAt.toISOString(), after: suspendAt.toISOString() },
  })
}

async function endOrphan(ctx: TxCtx, id: string): Promise<number> {
  const { tx } = ctx
  const agent = await lockAgent(tx, id)
  const orphan = await tx.orphanedAgent.findUnique({ where: { agentId: id } })
  const person = await personOf(tx, agent.accountablePersonId)
  if (!orphan || (agent.status !== 'retired' && !person?.active)) return 0
  await tx.orphanedAgent.delete({ where: { agentId: id } })
  const returned = orphan.personId === agent.accountablePersonId
  const how = agent.status === 'retired' ? 'retired' : returned ? 'person_returned' : 'reassigned'
  recordAudit(tx, ctx, {
    event: 'agent.orphan_ended',
    ...agentSubject(agent),
    detail: { personId: orphan.personId, how },
  })
  // Who was named instead without a take-over may not be who may resume it; that is left to somebody who may.
  if (how === 'person_returned' && orphan.suspendedAt && agent.status === 'suspended') {
    await resumeAgent(ctx, { agentId: id, reason: `${person!.name} is back and answers for it.` })
  }
  return 1
}

async function suspendOrphan(ctx: TxCtx, id: string): Promise<number> {
  const { tx } = ctx
  const agent = await lockAgent(tx, id)
  const orphan = await tx.orphanedAgent.findUnique({ where: { agentId: id } })
  const person = await personOf(tx, agent.accountablePersonId)
  if (!orphan || orphan.suspendAt > ctx.now || agent.status !== 'active' || !person || person.active) return 0
  const day = orphan.since.toISOString().slice(0, 10)
  const reason = `Nobody answers for it: ${person.name} cannot sign in since ${day}, and the grace of tier ${agent.tier} is over.`
  const outcome = await suspendAgent(ctx, { agentId: id, reason })
  if (!outcome.ok) return 0
  await tx.orphanedAgent.update({ where: { agentId: id }, data: { suspendedAt: ctx.now } })
  return 1
}

async function personOf(tx: Tx, id: string) {
  return await tx.person.findUnique({
    where: { id },
    select: { id: true, name: true, active: true, deactivatedAt: true, deactivatedBecause: true },
  })
}
