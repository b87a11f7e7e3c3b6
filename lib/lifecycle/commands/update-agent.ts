import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, can, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject, lockAgent, type LockedAgent } from '#lib/registry/commands.ts'
import { pastOwners } from '#lib/registry/queries.ts'
import { authorizeForTeam } from '#lib/registry/rules.ts'
import { nextReview } from '../rules.ts'
import { tierProblem } from '../rules/tier.ts'
import type { UpdateAgentInput } from '../schema.ts'
import { refuseRetired } from './change.ts'

/**
 * Changes facts of the registry entry; nothing is written when none differs. Needs `agents:update` in the owner team, and in the new
 * one when it moves; another tier needs `agents:classify`, and somebody who does not belong to the agent. Throws `invalid` for an unknown team or person, `conflict` when it is
 * retired, or would leave a team that is stopped.
 */
export async function updateAgent(ctx: Ctx, input: UpdateAgentInput): Promise<void> {
  if (!can(ctx.actor, 'agents:classify')) authorize(ctx, 'agents:update')
  await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, input.agentId)
    const { agentId, ...fields } = input
    const now: Record<string, unknown> = { ...agent, ownerTeamId: agent.ownerTeam.id }
    const given = Object.entries(fields).filter(([, value]) => value !== undefined)
    if (given.some(([key]) => key !== 'tier')) authorizeForTeam(ctx, 'agents:update', agent.ownerTeam)
    refuseRetired(agent)
    const changed = given.filter(([key, value]) => value !== now[key])
    if (changed.length === 0) return
    if (fields.tier && fields.tier !== agent.tier) await authorizeTier(ctx, agent, fields)
    const after: Record<string, unknown> = Object.fromEntries(changed)
    await checkOwners(ctx, after)
    if ('ownerTeamId' in after) await refuseLeavingStoppedTeam(ctx, agent)
    const before = Object.fromEntries(changed.map(([key]) => [key, now[key]]))
    if (fields.tier && fields.tier !== agent.tier) {
      before.nextReviewAt = agent.nextReviewAt
      after.nextReviewAt = nextReview(fields.tier, agent.lastReviewedAt ?? ctx.now)
    }
    await tx.agent.update({ where: { id: agentId }, data: { ...after, updatedAt: ctx.now } })
    const detail = { before: plain(before), after: plain(after) }
    recordAudit(tx, ctx, { event: 'agent.updated', ...agentSubject(agent), detail })
  })
}

/** Who profits by easier rules does not say the tier: neither whom the agent belongs to, or did a while ago, nor whom it will belong to. */
async function authorizeTier(
  ctx: Ctx,
  agent: LockedAgent,
  after: Pick<UpdateAgentInput, 'ownerTeamId' | 'accountablePersonId'>,
): Promise<void> {
  const past = await pastOwners(ctx, agent.id)
  const now = { ownerTeamId: agent.ownerTeam.id, accountablePersonId: agent.accountablePersonId, past }
  const problem =
    tierProblem(ctx.actor, now) ??
    tierProblem(ctx.actor, {
      ownerTeamId: after.ownerTeamId ?? now.ownerTeamId,
      accountablePersonId: after.accountablePersonId ?? now.accountablePersonId,
      past,
    })
  if (problem) throw new DomainError('forbidden', problem.message, { field: 'tier', rule: problem.rule })
}

async function checkOwners(ctx: Ctx & { tx: Tx }, after: Record<string, unknown>): Promise<void> {
  const { ownerTeamId, accountablePersonId } = after
  if (typeof ownerTeamId === 'string') {
    const team = await ctx.tx.team.findUnique({ where: { id: ownerTeamId }, select: { id: true, name: true } })
    if (!team)
      throw new DomainError('invalid', `There is no team ${JSON.stringify(ownerTeamId)}.`, { field: 'ownerTeamId' })
    authorizeForTeam(ctx, 'agents:update', team)
  }
  if (typeof accountablePersonId === 'string') {
    const person = await ctx.tx.person.findUnique({ where: { id: accountablePersonId }, select: { active: true } })
    if (!person?.active) {
      const message = 'The accountable person must be somebody who can sign in.'
      throw new DomainError('invalid', message, { field: 'accountablePersonId' })
    }
  }
}

/** Who may not release a stop order must not get an agent out from under it either. */
async function refuseLeavingStoppedTeam(ctx: Ctx & { tx: Tx }, { name, ownerTeam }: LockedAgent): Promise<void> {
  const order = await ctx.tx.stopOrder.findFirst({
    where: { scope: 'team', targetId: ownerTeam.id, releasedAt: null },
    select: { orderedByName: true, reason: true },
  })
  if (!order) return
  const message = `${ownerTeam.name} is stopped by ${order.orderedByName} (${order.reason}), so ${name} stays in it until the order is released.`
  throw new DomainError('conflict', message, { field: 'ownerTeamId', rule: 'killed' })
}

/** For the audit log: amounts beyond 2^53 as decimal strings, times in ISO 8601. */
function plain(values: Record<string, unknown>): Record<string, unknown> {
  const text = (value: unknown) => (value instanceof Date ? value.toISOString() : value)
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, typeof value === 'bigint' ? value.toString() : text(value)]),
  )
}
