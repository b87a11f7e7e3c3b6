import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, can, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { canonicalJson } from '#lib/core/canonical-json.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { agentSubject, lockAgent, type LockedAgent } from '#lib/registry/commands.ts'
import { authorizeForTeam } from '#lib/registry/rules.ts'
import type { AgentLayer } from '#lib/registry/schema.ts'
import { decideScopeRequest, requestScope } from '#lib/scopes/commands.ts'
import type { DecideScopeRequestInput, DecisionOutcome, RequestScopeInput, ScopeRefusal } from '#lib/scopes/schema.ts'
import { getTemplate } from '#lib/templates/queries.ts'
import { renderAgentVersion } from '#lib/templates/rules.ts'
import { personOf } from '../obtain-scope.ts'
import { nextReview, scheduleProblem } from '../rules.ts'
import type { ChangeAgentLogicInput, MarkReviewedInput, SetScheduleInput, UpdateAgentInput } from '../schema.ts'

/**
 * Gives an agent a new immutable version of its logic; what it runs now goes on with the old one. The same logic again makes no version.
 * Needs `agents:update` in the owner team. Throws `invalid` for wrong parameters, `conflict` when it is retired or somebody else's
 * version came in between.
 */
export async function changeAgentLogic(ctx: Ctx, input: ChangeAgentLogicInput): Promise<{ version: number }> {
  authorize(ctx, 'agents:update')
  return await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, input.agentId)
    authorizeForTeam(ctx, 'agents:update', agent.ownerTeam)
    refuseRetired(agent)
    if (input.expectedVersion !== undefined && input.expectedVersion !== agent.currentVersion) {
      const message = `Someone made version ${agent.currentVersion} while you were editing version ${input.expectedVersion}.`
      throw new DomainError('conflict', message, { rule: 'lifecycle:version_moved', version: agent.currentVersion })
    }
    const { layer, templateVersion } = input
    return { version: await writeVersion(ctx, { agent, layer, ...(templateVersion ? { templateVersion } : {}) }) }
  })
}

/**
 * Brings a version up to date with the servers the agent holds scopes for, so that a scope on a new server can be used from the next run
 * on. Makes a version only if a server is missing. Needs `agents:update` in the owner team; does nothing for a retired agent.
 */
export async function refreshAgentServers(ctx: Ctx, { agentId }: { agentId: string }): Promise<{ version: number }> {
  authorize(ctx, 'agents:update')
  return await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, agentId)
    if (ctx.actor.kind !== 'system') authorizeForTeam(ctx, 'agents:update', agent.ownerTeam)
    return { version: await addHeldServers(ctx, agent) }
  })
}

/**
 * Asks for a scope as `requestScope` does; when the approval policy grants it at once, the agent's version learns of the server in the same transaction. What the page, the API
 * and the CLI call; needs and throws what that command does.
 */
export async function askForScope(
  ctx: Ctx,
  input: RequestScopeInput,
): Promise<Result<{ requestId: string; grantId: string | null }, ScopeRefusal>> {
  authorize(ctx, 'scopes:request')
  return await inTx(ctx, async (tx, ctx) => {
    const outcome = await requestScope(ctx, input)
    if (outcome.ok && outcome.value.grantId !== null) await addHeldServers(ctx, await lockAgent(tx, input.agentId))
    return outcome
  })
}

/**
 * Decides a scope request as `decideScopeRequest` does; an approval on a server that the agent's version does not know makes a version
 * that does, in the same transaction. What the page, the API and the CLI call; needs and throws what that command does.
 */
export async function decideScope(
  ctx: Ctx,
  input: DecideScopeRequestInput,
): Promise<Result<DecisionOutcome, ScopeRefusal>> {
  if (!can(ctx.actor, 'scopes:countersign')) authorize(ctx, 'scopes:approve')
  return await inTx(ctx, async (tx, ctx) => {
    const outcome = await decideScopeRequest(ctx, input)
    if (!outcome.ok || outcome.value.grantId === null) return outcome
    const { agentId } = await tx.scopeRequest.findUniqueOrThrow({
      where: { id: input.requestId },
      select: { agentId: true },
    })
    await addHeldServers(ctx, await lockAgent(tx, agentId))
    return outcome
  })
}

/**
 * Changes facts of the registry entry; nothing is written when none differs. Needs `agents:update` in the owner team, and in the new
 * one when it moves. Throws `invalid` for an unknown team or person, `conflict` when it is retired, or would leave a team that is stopped.
 */
export async function updateAgent(ctx: Ctx, input: UpdateAgentInput): Promise<void> {
  authorize(ctx, 'agents:update')
  await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, input.agentId)
    authorizeForTeam(ctx, 'agents:update', agent.ownerTeam)
    refuseRetired(agent)
    const { agentId, ...fields } = input
    const now: Record<string, unknown> = { ...agent, ownerTeamId: agent.ownerTeam.id }
    const changed = Object.entries(fields).filter(([key, value]) => value !== undefined && value !== now[key])
    if (changed.length === 0) return
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

/** Sets when it starts by itself (five cron fields, UTC), or stops that. Needs `agents:update` in the owner team; throws `invalid` for a wrong expression. */
export async function setSchedule(ctx: Ctx, input: SetScheduleInput): Promise<void> {
  authorize(ctx, 'agents:update')
  await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, input.agentId)
    authorizeForTeam(ctx, 'agents:update', agent.ownerTeam)
    refuseRetired(agent)
    const message = input.schedule === null ? null : scheduleProblem(input.schedule, ctx.now)
    if (message) throw new DomainError('invalid', message, { field: 'schedule', rule: 'lifecycle:schedule' })
    const data = { schedule: input.schedule, scheduleEnabled: input.enabled }
    if (data.schedule === agent.schedule && data.scheduleEnabled === agent.scheduleEnabled) return
    await tx.agent.update({ where: { id: agent.id }, data: { ...data, updatedAt: ctx.now } })
    const detail = { schedule: input.schedule, enabled: input.enabled }
    recordAudit(tx, ctx, { event: 'agent.schedule_changed', ...agentSubject(agent), detail })
  })
}

/** Records that somebody has reviewed it; the next review follows from its tier. Needs `agents:update` in the owner team. */
export async function markReviewed(ctx: Ctx, input: MarkReviewedInput): Promise<{ nextReviewAt: string }> {
  authorize(ctx, 'agents:update')
  return await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, input.agentId)
    authorizeForTeam(ctx, 'agents:update', agent.ownerTeam)
    refuseRetired(agent)
    const nextReviewAt = nextReview(agent.tier, ctx.now)
    await tx.agent.update({
      where: { id: agent.id },
      data: { lastReviewedAt: ctx.now, nextReviewAt, updatedAt: ctx.now },
    })
    const detail = { nextReviewAt: nextReviewAt.toISOString() }
    recordAudit(tx, ctx, { event: 'agent.reviewed', ...agentSubject(agent), detail })
    return detail
  })
}

async function addHeldServers(ctx: Ctx & { tx: Tx }, agent: LockedAgent): Promise<number> {
  if (agent.status === 'retired') return agent.currentVersion
  const current = await currentVersion(ctx.tx, agent)
  const { mcpServers = [] } = current.rendered as { mcpServers?: { name: string }[] }
  const known = new Set(mcpServers.map(({ name }) => name))
  const held = await heldServers(ctx, agent.id)
  if (held.every((server) => known.has(server))) return agent.currentVersion
  return await writeVersion(ctx, { agent, layer: current.layer as AgentLayer })
}

async function writeVersion(
  ctx: Ctx & { tx: Tx },
  change: { agent: LockedAgent; layer: AgentLayer; templateVersion?: string },
): Promise<number> {
  const { tx } = ctx
  const { agent, layer } = change
  const current = await currentVersion(tx, agent)
  const version = change.templateVersion ?? current.templateVersion
  const template = await getTemplate(ctx, { id: current.templateId, version })
  const { rendered, digest } = renderAgentVersion({ template, layer, servers: await heldServers(ctx, agent.id) })
  const sameLayer = canonicalJson(layer) === canonicalJson(current.layer)
  if (sameLayer && version === current.templateVersion && digest === current.digest) return agent.currentVersion
  const next = agent.currentVersion + 1
  const made = { templateId: template.id, templateVersion: template.version, digest }
  await tx.agentVersion.create({
    data: {
      agentId: agent.id,
      version: next,
      layer,
      rendered: rendered as Prisma.InputJsonObject,
      ...made,
      createdAt: ctx.now,
      createdById: personOf(ctx),
    },
  })
  await tx.agent.update({ where: { id: agent.id }, data: { currentVersion: next, updatedAt: ctx.now } })
  recordAudit(tx, ctx, {
    event: 'agent.version_created',
    ...agentSubject(agent),
    detail: { version: next, ...made },
  })
  await enqueue(tx, jobs.provisionAgent, {
    payload: { agentId: agent.id, version: next, firstRun: false },
    key: `provision:${agent.id}:${next}`,
  })
  return next
}

async function currentVersion(tx: Tx, agent: LockedAgent) {
  return await tx.agentVersion.findUniqueOrThrow({
    where: { agentId_version: { agentId: agent.id, version: agent.currentVersion } },
    select: { templateId: true, templateVersion: true, layer: true, rendered: true, digest: true },
  })
}

/** Servers that the agent holds or has asked for a scope on: it must know them to use what it is granted. */
async function heldServers(ctx: Ctx & { tx: Tx }, agentId: string): Promise<string[]> {
  const inForce = { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: ctx.now } }] }
  const grants = await ctx.tx.grant.findMany({ where: { agentId, ...inForce }, select: { serverId: true } })
  const requests = await ctx.tx.scopeRequest.findMany({
    where: { agentId, state: 'pending' },
    select: { serverId: true },
  })
  return [...new Set([...grants, ...requests].map(({ serverId }) => serverId))].toSorted()
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

function refuseRetired(agent: LockedAgent): void {
  if (agent.status !== 'retired') return
  throw new DomainError('conflict', `${agent.name} is retired and stays as it is.`, { rule: 'lifecycle:retired' })
}

/** For the audit log: amounts beyond 2^53 as decimal strings, times in ISO 8601. */
function plain(values: Record<string, unknown>): Record<string, unknown> {
  const text = (value: unknown) => (value instanceof Date ? value.toISOString() : value)
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, typeof value === 'bigint' ? value.toString() : text(value)]),
  )
}
