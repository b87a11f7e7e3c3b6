import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { DecidedNow, StepId } from '../../schema/explanation.ts'

/** What can turn each step's answer, as the audit log names it. */
const turns: Partial<Record<StepId, readonly string[]>> = {
  request: ['agent.limits_changed'],
  stop: ['stop.ordered', 'stop.released'],
  target_stop: ['stop.ordered', 'stop.released'],
  caller: [
    'agent.created',
    'agent.activated',
    'agent.suspended',
    'agent.resumed',
    'agent.retired',
    'agent.version_created',
  ],
  server: ['server.created', 'server.updated'],
  tool: ['tool.discovered', 'tool.suspended', 'tool.approved', 'tool.rejected', 'tool.classified'],
  grant: ['grant.created', 'grant.revoked', 'tool.classified'],
  conditions: ['grant.created', 'grant.revoked'],
  policy: [
    'policy_set.enforced',
    'policy_set.rolled_back',
    'grant.created',
    'grant.revoked',
    'server.updated',
    'agent.updated',
    'tool.classified',
  ],
  budget: ['agent.over_budget', 'agent.within_budget', 'agent.updated'],
  hold: [
    'hold_rule.created',
    'hold_rule.removed',
    'hold_bypass.opened',
    'hold_bypass.ended',
    'server.updated',
    'tool.classified',
  ],
}

const shownMax = 5

type Since = {
  steps: readonly (StepId | null)[]
  agentId: string
  teamId: string | null
  serverId: string
  tool: string
  /** The decision, by its place in the audit log and its time. */
  after: { seq: bigint; at: Date }
}

/**
 * What happened after a decision that can have turned it: to the agent, the server, the tool, and stop orders, hold rules and sets of policies for them. Of
 * many the last ones, in the order in which they happened. Callers authorize.
 */
export async function changesSince(ctx: Ctx, since: Since): Promise<DecidedNow['because']> {
  const { agentId, teamId, serverId, tool, after } = since
  const events = [...new Set(since.steps.flatMap((step) => (step === null ? [] : (turns[step] ?? []))))]
  if (events.length === 0) return []
  const targets = [agentId, teamId ?? '', serverId, `${serverId}/${tool}`, 'organization']
  const rows = await reader(ctx).$queryRaw<Row[]>`
    select "at", "event", "actorName", "detail"->>'class' as "class", "detail"->>'toolName' as "toolName", "detail"->>'number' as "number"
    from "AuditEvent"
    where "event" = any(${events}) and "seq" > ${after.seq} and ${concerns({ agentId, serverId, tool, targets })}
    order by "seq" desc limit ${shownMax}`
  return rows.toReversed().map((row) => ({ at: row.at.toISOString(), event: row.event, text: textOf(row, after.at) }))
}

type Row = {
  at: Date
  event: string
  actorName: string
  class: string | null
  toolName: string | null
  /** Of a set of policies. */
  number: string | null
}

function concerns(about: { agentId: string; serverId: string; tool: string; targets: readonly string[] }): Prisma.Sql {
  const { agentId, serverId, tool, targets } = about
  return Prisma.sql`case
    when "event" like 'stop.%' then "subjectId" = any(${[...targets]})
    when "event" like 'policy_set.%' then true
    when "event" like 'hold_bypass.%' then ("agentId" is null or "agentId" = ${agentId}) and exists (
      select from "HoldRule" r where r."id"::text = "subjectId" and (r."serverId" is null or r."serverId" = ${serverId})
        and (r."toolName" is null or r."toolName" = ${tool}))
    when "event" like 'hold_rule.%' then "serverId" is null or "serverId" = ${serverId}
    when "event" like 'grant.%' then "agentId" = ${agentId} and "serverId" = ${serverId}
    when "event" like 'agent.%' then "agentId" = ${agentId}
    when "event" like 'tool.%' then "serverId" = ${serverId} and "tool" = ${tool}
    else "serverId" = ${serverId} end`
}

const words: Record<string, string> = {
  'stop.ordered': 'A stop order was given',
  'stop.released': 'The stop order was released',
  'agent.created': 'The agent was registered',
  'agent.activated': 'The agent became active',
  'agent.suspended': 'The agent was suspended',
  'agent.resumed': 'The agent was resumed',
  'agent.retired': 'The agent was retired',
  'agent.version_created': 'Another version of the agent became current',
  'agent.updated': 'The agent was changed',
  'agent.limits_changed': 'The limits of the agent were changed',
  'agent.over_budget': 'The agent went over its budget',
  'agent.within_budget': 'The agent was within its budget again',
  'server.created': 'The server was registered',
  'server.updated': 'The server was changed',
  'tool.discovered': 'The tool was listed',
  'tool.suspended': 'The tool changed and was suspended',
  'tool.approved': 'The tool was approved',
  'tool.rejected': 'The tool was rejected',
  'tool.classified': 'The tool was classified',
  'grant.created': 'A grant was given',
  'grant.revoked': 'A grant was revoked',
  'hold_rule.created': 'A rule that holds calls was made',
  'hold_rule.removed': 'A rule that holds calls was removed',
  'hold_bypass.opened': 'A rule that holds calls was bypassed',
  'hold_bypass.ended': 'The bypass of a rule that holds calls was ended',
  'policy_set.enforced': 'was enforced',
  'policy_set.rolled_back': 'was put in force again',
}

function textOf({ at, event, actorName, class: toolClass, toolName, number }: Row, after: Date): string {
  const what = event.startsWith('policy_set.') ? `Policy set ${number} ${words[event]}` : (words[event] ?? event)
  const of = toolClass ? ` (${toolName ? `${toolName}, ` : ''}${toolClass})` : ''
  return `${what}${of} by ${actorName}, ${later(at.getTime() - after.getTime())} later.`
}

/** A time in one unit, rounded down. */
function later(ms: number): string {
  const units = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
    [1000, 'second'],
  ] as const
  for (const [size, unit] of units) {
    const count = Math.floor(ms / size)
    if (count >= 1) return `${count} ${unit}${count === 1 ? '' : 's'}`
  }
  return 'less than a second'
}
