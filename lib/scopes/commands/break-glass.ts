import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject, lockAgent, type LockedAgent } from '#lib/registry/commands.ts'
import { pastOwners, serverNotFound } from '#lib/registry/queries.ts'
import { covers } from '#lib/registry/rules.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { decideBreakGlassReview, decideRenewal, type UnreviewedBreakGlass } from '../rules/break-glass.ts'
import { type Clock, clockOf } from '../rules/clock.ts'
import { reviewRule } from '../rules/request-policy.ts'
import { readApprovalRules } from '../queries/approval-policy.ts'
import { grantable, refuse } from '../rules.ts'
import type { ScopeRefusal } from '../schema.ts'
import type { BreakGlassInput, ReviewBreakGlassInput } from '../schema/break-glass.ts'
import { writeGrant } from './grants.ts'

/**
 * Gives an agent a scope at once and without a second person, for four hours at most: for whoever is on call, in an emergency. It is announced (`grant.break_glass`), marked
 * wherever it shows, of one tool for the class that it has, opens a review that somebody else closes, and alone lets central policies pass that forbid all but break-glass. Needs `grants:break_glass`; throws
 * `not_found`. Refused, and recorded as refused, for a retired agent, on a disabled server, for a tool it does not have, and while an earlier one of
 * this waits for its review.
 */
export async function breakGlass(
  ctx: Ctx,
  input: BreakGlassInput,
): Promise<Result<{ grantId: string; expiresAt: string }, ScopeRefusal>> {
  authorize(ctx, 'grants:break_glass')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, input.agentId)
    const about = {
      ...agentSubject(agent),
      serverId: input.serverId,
      ...(input.toolName ? { tool: input.toolName } : {}),
    }
    const target = await checkTarget(tx, input, agent)
    const wanted = target.ok ? { ...input, class: target.value } : input
    const checked = target.ok
      ? decideRenewal(await unreviewed(tx, input), { ...wanted, personId: person.id, now: ctx.now })
      : target
    if (!checked.ok) {
      const { rule, message } = checked.error
      recordAudit(tx, ctx, { event: 'grant.break_glass_refused', ...about, rule, detail: { reason: rule, message } })
      return checked
    }
    const { serverId, class: toolClass, toolName, reason, incident } = wanted
    const expiresAt = new Date(ctx.now.getTime() + input.minutes * 60_000)
    const scope = { serverId, class: toolClass, toolName, reason, expiresAt }
    const grantId = await writeGrant(tx, ctx, { agent, scope, via: 'break_glass', requestId: null })
    const opened = {
      openedById: person.id,
      openedAt: ctx.now,
      ...(await reviewClock(tx, { input: wanted, agent, now: ctx.now })),
    }
    await tx.breakGlassReview.create({ data: { grantId, agentId: agent.id, ...opened } })
    const until = expiresAt.toISOString()
    recordAudit(tx, ctx, {
      event: 'grant.break_glass',
      ...about,
      detail: { grantId, class: toolClass, toolName, expiresAt: until, reason, incident: incident ?? null },
    })
    return ok({ grantId, expiresAt: until })
  })
}

/**
 * Says whether breaking the glass was justified; a grant that is still in force goes on until it ends or is revoked. Needs `scopes:approve`; throws `not_found`. Of two who
 * review at once, one does and the other is told.
 */
export async function reviewBreakGlass(ctx: Ctx, input: ReviewBreakGlassInput): Promise<Result<null, ScopeRefusal>> {
  authorize(ctx, 'scopes:approve')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const found = await tx.breakGlassReview.findUnique({
      where: { grantId: input.grantId },
      select: { agentId: true, grant: { select: { serverId: true, toolName: true } } },
    })
    if (!found) throw new DomainError('not_found', 'There is no such break-glass grant.')
    const agent = await lockAgent(tx, found.agentId)
    const review = await tx.breakGlassReview.findUniqueOrThrow({ where: { grantId: input.grantId } })
    const { accountablePersonId, ownerTeam } = agent
    const owners = { accountablePersonId, ownerTeamId: ownerTeam.id, past: await pastOwners(ctx, agent.id) }
    const decision = decideBreakGlassReview({ ...review, ...owners }, person)
    const about = {
      ...agentSubject(agent),
      serverId: found.grant.serverId,
      ...(found.grant.toolName ? { tool: found.grant.toolName } : {}),
    }
    if (!decision.ok) {
      const { rule, message } = decision.error
      recordAudit(tx, ctx, { event: 'grant.break_glass_refused', ...about, rule, detail: { reason: rule, message } })
      return decision
    }
    const { grantId, verdict, note } = input
    await tx.breakGlassReview.update({
      where: { grantId },
      data: { verdict, note, reviewedById: person.id, reviewedAt: ctx.now },
    })
    recordAudit(tx, ctx, { event: 'grant.break_glass_reviewed', ...about, detail: { grantId, verdict, note } })
    return ok(null)
  })
}

/** Whether it can be taken there; returns the class that it needs: of a tool its own, whatever wider one was named. */
async function checkTarget(
  tx: Tx,
  input: BreakGlassInput,
  agent: LockedAgent,
): Promise<Result<ToolClass, ScopeRefusal>> {
  const server = await tx.mcpServer.findUnique({
    where: { id: input.serverId },
    select: {
      name: true,
      status: true,
      tools: { where: { name: input.toolName ?? '', state: { not: 'removed' } }, select: { class: true } },
    },
  })
  if (!server) throw serverNotFound(input.serverId)
  const possible = grantable({ agent, server })
  if (!possible.ok) return possible
  if (input.toolName === null) return ok(input.class)
  const [tool] = server.tools
  if (!tool) return refuse('scopes:tool_unknown', `${server.name} has no tool ${input.toolName}.`)
  if (covers(input.class, tool.class)) return ok(tool.class)
  return refuse('scopes:tool_unknown', `${input.toolName} is a ${tool.class} tool: take ${tool.class}.`)
}

/** By when it is to be reviewed: in the time that the approval policy gives for a request of the like. */
async function reviewClock(
  tx: Tx,
  { input, agent, now }: { input: BreakGlassInput; agent: LockedAgent; now: Date },
): Promise<Clock> {
  const select = { environment: true, sensitivity: true, dataClasses: true } as const
  const server = await tx.mcpServer.findUniqueOrThrow({ where: { id: input.serverId }, select })
  const facts = { ...server, class: input.class, toolName: input.toolName, tier: agent.tier }
  return clockOf(reviewRule(await readApprovalRules(tx), facts), now)
}

/** What was taken on this server for this agent, which is locked, and nobody has reviewed. */
async function unreviewed(tx: Tx, { agentId, serverId }: BreakGlassInput): Promise<UnreviewedBreakGlass[]> {
  const rows = await tx.breakGlassReview.findMany({
    where: { agentId, reviewedAt: null, grant: { serverId } },
    select: {
      openedById: true,
      openedAt: true,
      grant: { select: { class: true, toolName: true, expiresAt: true, revokedAt: true } },
    },
  })
  return rows.map(({ grant, openedById, openedAt }) => {
    const { class: toolClass, toolName, expiresAt, revokedAt } = grant
    return { class: toolClass, toolName, openedById, openedAt, endsAt: revokedAt ?? expiresAt ?? openedAt }
  })
}
