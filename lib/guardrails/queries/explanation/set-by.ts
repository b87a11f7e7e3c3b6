import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { isHoldRule } from '../../rules/hold-words.ts'
import { withLimitOwner } from '../../rules/own-limits.ts'
import type { ExplainedFacts, SetBy } from '../../schema/explanation.ts'
import { explainStoredRule } from '../stored-rules.ts'

export type Decided = {
  /** Null: it was let through. */
  rule: string | null
  facts: ExplainedFacts
  agentId: string | null
  serverId: string | null
  tool: string | null
  at: Date
}

/** Whose decision it is that refused, and where the platform knows, who exactly it was, when and why. Callers authorize. */
export async function setByOf(ctx: Ctx, decided: Decided): Promise<SetBy> {
  const { rule, facts } = decided
  const text =
    rule !== null
      ? withLimitOwner(rule, await explainStoredRule(ctx, rule), facts).setBy
      : 'Whoever gave the grant, with its terms'
  const who = await whoSet(ctx, decided)
  return { text, by: who?.by ?? null, at: who?.at.toISOString() ?? null, reason: who?.reason ?? null }
}

type Who = { by: SetBy['by']; at: Date; reason: string | null }

async function whoSet(ctx: Ctx, decided: Decided): Promise<Who | null> {
  const { rule, agentId, serverId, tool, facts } = decided
  if (rule === null) return await whoGranted(ctx, decided)
  const ofServer = Prisma.sql`"serverId" = ${serverId}`
  const ofTool = Prisma.sql`${ofServer} and "tool" = ${tool}`
  if (rule === 'killed' || rule.startsWith('stop:')) return await whoStopped(ctx, decided)
  if (isHoldRule(rule) || rule === 'call_hold_expired') return await whoHeld(ctx, decided)
  if (rule === 'call_rejected') return await whoRejected(ctx, decided)
  if (rule.startsWith('grant_')) return await whoGranted(ctx, decided)
  if (facts['limitOf'] === 'agent' || facts['limitOf'] === 'server') return await whoLimited(ctx, decided)
  switch (rule) {
    case 'agent_not_active':
      return await lastEvent(ctx, decided, {
        events: ['agent.created', 'agent.suspended', 'agent.retired'],
        where: Prisma.sql`"agentId" = ${agentId}`,
      })
    case 'server_disabled': {
      const where = Prisma.sql`${ofServer} and "detail"->'after'->>'status' = 'disabled'`
      return await lastEvent(ctx, decided, { events: ['server.updated'], where })
    }
    case 'tool_quarantined':
      return await lastEvent(ctx, decided, {
        events: ['tool.discovered', 'tool.suspended', 'tool.rejected'],
        where: ofTool,
      })
    case 'tool_removed':
      return await lastEvent(ctx, decided, { events: ['tool.discovered'], where: ofTool })
    case 'result_marked': {
      const where = Prisma.sql`${ofServer} and "detail"->'after'->>'blockMarked' = 'true'`
      return await lastEvent(ctx, decided, { events: ['server.updated'], where })
    }
    case 'budget_exceeded':
    case 'budget_exhausted': {
      const where = Prisma.sql`"agentId" = ${agentId} and (("event" = 'agent.created' and "detail"->>'monthlyBudgetMicros' is not null)
        or ("event" = 'agent.updated' and "detail"->'after'->>'monthlyBudgetMicros' is not null))`
      return await lastEvent(ctx, decided, { events: ['agent.created', 'agent.updated'], where })
    }
    default:
      return null
  }
}

/** By what the decision names: no clock is asked, for that of who stopped it may be ahead of that of who decided. */
async function whoStopped(ctx: Ctx, { facts }: Decided): Promise<Who | null> {
  const { stop } = facts
  if (typeof stop !== 'string') return null
  const order = await reader(ctx).stopOrder.findUnique({ where: { id: stop } })
  if (!order) return null
  const { orderedById: id, orderedByName: name, orderedAt, reason } = order
  return { by: { kind: 'person', id, name }, at: orderedAt, reason }
}

/** Of a grant that ended, did not fit or was used up: who gave it. */
async function whoGranted(ctx: Ctx, { facts, agentId, at }: Decided): Promise<Who | null> {
  const { grant } = facts
  if (typeof grant !== 'string' || agentId === null) return null
  const where = Prisma.sql`"agentId" = ${agentId} and "detail"->>'grantId' = ${grant}`
  return await lastEvent(ctx, { at }, { events: ['grant.created', 'grant.break_glass'], where })
}

/** Who gave the agent, or the server, the limit that refused. */
async function whoLimited(ctx: Ctx, { facts, agentId, serverId, at }: Decided): Promise<Who | null> {
  const { limitOf, limitName } = facts
  if (typeof limitName !== 'string') return null
  const changed = Prisma.sql`"detail"->'before'->${limitName} is distinct from "detail"->'after'->${limitName}`
  if (limitOf === 'server') {
    const where = Prisma.sql`"serverId" = ${serverId} and ${changed}`
    return await lastEvent(ctx, { at }, { events: ['server.updated'], where })
  }
  const ofAgent = Prisma.sql`"agentId" = ${agentId}`
  return limitName === 'callsPerSecond'
    ? await lastEvent(ctx, { at }, { events: ['agent.calls_limited'], where: ofAgent })
    : await lastEvent(ctx, { at }, { events: ['agent.limits_changed'], where: Prisma.sql`${ofAgent} and ${changed}` })
}

/** Who made the rule that held the call. */
async function whoHeld(ctx: Ctx, { facts, at }: Decided): Promise<Who | null> {
  const { holdRule } = facts
  if (typeof holdRule !== 'string') return null
  const where = Prisma.sql`"detail"->>'ruleId' = ${holdRule}`
  return await lastEvent(ctx, { at }, { events: ['hold_rule.created'], where })
}

/** Of a release that did not say which call it was, the last one. */
async function whoRejected(ctx: Ctx, { facts, agentId, tool, at }: Decided): Promise<Who | null> {
  if (agentId === null || tool === null) return null
  const { heldCall } = facts
  const call = await reader(ctx).heldCall.findFirst({
    where:
      typeof heldCall === 'string' ? { id: heldCall } : { agentId, tool, state: 'rejected', decidedAt: { lte: at } },
    orderBy: { decidedAt: 'desc' },
    select: { decidedById: true, decidedAt: true, note: true },
  })
  if (!call?.decidedById || !call.decidedAt) return null
  const person = await reader(ctx).person.findUnique({ where: { id: call.decidedById }, select: { name: true } })
  const by = { kind: 'person', id: call.decidedById, name: person?.name ?? 'Somebody who is gone' }
  return { by, at: call.decidedAt, reason: call.note }
}

async function lastEvent(
  ctx: Ctx,
  { at }: { at: Date },
  { events, where }: { events: readonly string[]; where: Prisma.Sql },
): Promise<Who | null> {
  const [event] = await reader(ctx).$queryRaw<
    { at: Date; actorKind: string; actorId: string; actorName: string; reason: string | null }[]
  >`
    select "at", "actorKind", "actorId", "actorName", "detail"->>'reason' as "reason" from "AuditEvent"
    where "event" = any(${[...events]}) and "at" <= ${at} and ${where} order by "seq" desc limit 1`
  if (!event) return null
  const { actorKind: kind, actorId: id, actorName: name, reason } = event
  return { by: { kind, id, name }, at: event.at, reason }
}
