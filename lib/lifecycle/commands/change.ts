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
import { breakGlass, decideScopeRequest, requestScope } from '#lib/scopes/commands.ts'
import type { DecideScopeRequestInput, DecisionOutcome, RequestScopeInput, ScopeRefusal } from '#lib/scopes/schema.ts'
import type { BreakGlassInput } from '#lib/scopes/schema/break-glass.ts'
import { getTemplate } from '#lib/templates/queries.ts'
import { renderAgentVersion } from '#lib/templates/rules.ts'
import { heldServers } from '../held-servers.ts'
import { personOf } from '../obtain-scope.ts'
import { nextReview, scheduleProblem } from '../rules.ts'
import type { ChangeAgentLogicInput, MarkReviewedInput, SetScheduleInput } from '../schema.ts'

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
): Promise<Result<{ requestId: string; grantIds: string[] }, ScopeRefusal>> {
  authorize(ctx, 'scopes:request')
  return await inTx(ctx, async (tx, ctx) => {
    const outcome = await requestScope(ctx, input)
    if (outcome.ok && outcome.value.grantIds.length > 0) await addHeldServers(ctx, await lockAgent(tx, input.agentId))
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
    if (!outcome.ok || outcome.value.grantIds.length === 0) return outcome
    const { agentId } = await tx.scopeRequest.findUniqueOrThrow({
      where: { id: input.requestId },
      select: { agentId: true },
    })
    await addHeldServers(ctx, await lockAgent(tx, agentId))
    return outcome
  })
}

/**
 * Takes a scope at once as `breakGlass` does; on a server that the agent's version does not know it makes a version that does, in the same transaction: without it no session could use it.
 * What the page, the API and the CLI call; needs and throws what that command does.
 */
export async function takeBreakGlass(
  ctx: Ctx,
  input: BreakGlassInput,
): Promise<Result<{ grantId: string; expiresAt: string }, ScopeRefusal>> {
  authorize(ctx, 'grants:break_glass')
  return await inTx(ctx, async (tx, ctx) => {
    const outcome = await breakGlass(ctx, input)
    if (outcome.ok) await addHeldServers(ctx, await lockAgent(tx, input.agentId))
    return outcome
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
  const held = await heldServers(ctx.tx, { agentId: agent.id, now: ctx.now })
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
  const { rendered, digest } = renderAgentVersion({
    template,
    layer,
    servers: await heldServers(ctx.tx, { agentId: agent.id, now: ctx.now }),
  })
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

export function refuseRetired(agent: LockedAgent): void {
  if (agent.status !== 'retired') return
  throw new DomainError('conflict', `${agent.name} is retired and stays as it is.`, { rule: 'lifecycle:retired' })
}
