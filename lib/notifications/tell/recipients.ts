import type { Actor, Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { delegationsInForce } from '#lib/delegation/queries.ts'
import { whoMayDecide } from '#lib/guardrails/queries/deciders.ts'
import { answersInPlaceOf } from '#lib/lifecycle/rules/review-stand-in.ts'
import { whoIsAsked, whoMayReview } from '#lib/scopes/queries.ts'
import { kindFacts } from '../schema/kinds.ts'
import type { Audience } from './audience.ts'
import type { Telling } from './phrases.ts'

export type Person = Extract<Actor, { kind: 'person' }>
type Asking = {
  ctx: Ctx & { tx: Tx }
  people: readonly Person[]
  /** What is known already of this batch: many events concern the same people. */
  known: Map<string, string[]>
}

/**
 * Who is told: whom it concerns as things are now, of those who may sign in and may see what it is about, without whoever did it. In the order of their ids.
 */
export async function recipientsOf(
  asking: Asking,
  { telling, actorId }: { telling: Telling; actorId: string },
): Promise<Person[]> {
  const ids = new Set<string>()
  for (const audience of telling.audiences) for (const id of await knownIdsOf(asking, audience)) ids.add(id)
  const { needs } = kindFacts[telling.kind]
  return asking.people.filter(({ id, permissions }) => ids.has(id) && id !== actorId && permissions.has(needs))
}

async function knownIdsOf(asking: Asking, audience: Audience): Promise<string[]> {
  const key = JSON.stringify(audience)
  const ids = asking.known.get(key) ?? (await idsOf(asking, audience))
  asking.known.set(key, ids)
  return ids
}

async function idsOf({ ctx, people }: Asking, audience: Audience): Promise<string[]> {
  const { tx } = ctx
  switch (audience.to) {
    case 'people':
      return [...audience.ids]
    case 'approver': {
      const holders = idsWhere(people, ({ permissions }) => permissions.has('servers:manage'))
      return audience.personId !== null && holders.includes(audience.personId) ? [audience.personId] : holders
    }
    case 'holders':
      return idsWhere(people, ({ permissions }) => permissions.has(audience.of))
    case 'roles':
      return idsWhere(people, ({ roles }) => roles.some((role) => audience.roles.includes(role)))
    case 'team':
      return idsWhere(people, ({ teamIds }) => teamIds.includes(audience.teamId))
    case 'asked':
      return (await whoIsAsked(ctx, { requestId: audience.requestId, people })).map(({ id }) => id)
    case 'deciders':
      return (await whoMayDecide(ctx, { heldCallId: audience.heldCallId, people })).map(({ id }) => id)
    case 'requester': {
      const where = { id: audience.requestId }
      const found = await tx.scopeRequest.findUnique({ where, select: { requestedById: true } })
      return found ? [found.requestedById] : []
    }
    case 'runner': {
      const found = await tx.run.findUnique({ where: { id: audience.runId }, select: { requestedById: true } })
      return found?.requestedById ? [found.requestedById] : []
    }
    case 'glass_breaker': {
      const where = { grantId: audience.grantId }
      const found = await tx.breakGlassReview.findUnique({ where, select: { openedById: true } })
      return found ? [found.openedById] : []
    }
    case 'glass_reviewers':
      return (await whoMayReview(ctx, { grantId: audience.grantId, people })).map(({ id }) => id)
    case 'owners':
      return await ownersOf(tx, people, [audience.agentId])
    case 'reviewers': {
      const owners = await ownersOf(tx, people, [audience.agentId])
      return [...owners, ...(await standingInFor(ctx, { people, absentIds: owners, agentId: audience.agentId }))]
    }
    case 'takers': {
      const agent = await tx.agent.findUnique({ where: { id: audience.agentId }, select: { ownerTeamId: true } })
      if (!agent) return []
      const mayTake = people.filter(({ permissions }) => permissions.has('agents:take_over'))
      return idsWhere(mayTake, ({ permissions, teamIds }) =>
        permissions.has('agents:any_team') ? true : teamIds.includes(agent.ownerTeamId),
      )
    }
    case 'stopped':
      return await ownersOf(
        tx,
        people,
        (await stoppedAgents(ctx, audience)).map(({ id }) => id),
      )
  }
}

function idsWhere(people: readonly Person[], fits: (person: Person) => boolean): string[] {
  return people.filter(fits).map(({ id }) => id)
}

/** Who is accountable, and who leads the team: by the team's own word, or by role. */
async function ownersOf(tx: Tx, people: readonly Person[], agentIds: readonly string[]): Promise<string[]> {
  if (agentIds.length === 0) return []
  const agents = await tx.agent.findMany({
    where: { id: { in: [...agentIds] } },
    select: { accountablePersonId: true, ownerTeamId: true },
  })
  const teams = new Set(agents.map(({ ownerTeamId }) => ownerTeamId))
  const leads = await tx.teamMember.findMany({
    where: { teamId: { in: [...teams] }, lead: true },
    select: { personId: true },
  })
  const byRole = idsWhere(
    people,
    ({ roles, teamIds }) => roles.includes('team_lead') && teamIds.some((id) => teams.has(id)),
  )
  return [
    ...agents.map(({ accountablePersonId }) => accountablePersonId),
    ...leads.map(({ personId }) => personId),
    ...byRole,
  ]
}

/** Agents that are not retired and that an order stops, wholly or in what they reach. */
export async function stoppedAgents(
  ctx: Ctx & { tx: Tx },
  { scope, targetId }: { scope: string; targetId: string },
): Promise<{ id: string; ownerTeamId: string }[]> {
  const alive = { status: { not: 'retired' as const } }
  const serverId = targetId.split('/')[0] ?? targetId
  const inForce = { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: ctx.now } }] }
  const where =
    scope === 'organization'
      ? alive
      : scope === 'team'
        ? { ...alive, ownerTeamId: targetId }
        : scope === 'agent'
          ? { ...alive, id: targetId }
          : { ...alive, grants: { some: { serverId, ...inForce } } }
  return await ctx.tx.agent.findMany({ where, select: { id: true, ownerTeamId: true } })
}

/** Who stands in for one of these now, and may answer for an agent in their place. */
async function standingInFor(
  ctx: Ctx & { tx: Tx },
  about: { people: readonly Person[]; absentIds: readonly string[]; agentId: string },
): Promise<string[]> {
  const { people, absentIds, agentId } = about
  const delegations = (await delegationsInForce(ctx)).filter(({ personId }) => absentIds.includes(personId))
  if (delegations.length === 0) return []
  const agent = await ctx.tx.agent.findUniqueOrThrow({
    where: { id: agentId },
    select: { accountablePersonId: true, ownerTeamId: true },
  })
  const person = (id: string) => people.find((each) => each.id === id)
  return delegations.flatMap(({ personId, delegateId }) => {
    const [absent, delegate] = [person(personId), person(delegateId)]
    return absent && delegate && answersInPlaceOf(agent, { delegate, absent }) ? [delegateId] : []
  })
}
