import { Prisma } from '#lib/db/generated/client.ts'
import type { AuditQuery } from '../schema.ts'

/** The events that a query asks for. */
export function eventsSql(query: AuditQuery): Prisma.Sql {
  const order = query.after === undefined ? Prisma.sql`desc` : Prisma.sql`asc`
  return Prisma.sql`
    select "seq", "id", "at", "event", "actorKind", "actorId", "actorName", "subjectKind", "subjectId", "subjectName",
      "agentId", "teamId", "serverId", "tool", "runId", "decision", "rule", "requestId", "detail"
    from "AuditEvent" where ${Prisma.join(conditionsOf(query), ' and ')} order by "seq" ${order} limit ${query.limit}`
}

/** The calls of a server that failed, newest first. */
export function failedCallsSql({ serverId, limit }: { serverId: string; limit: number }): Prisma.Sql {
  return Prisma.sql`
    select "id" as "decision", "at", "actorId", "actorName", "tool", "rule", "detail"->>'outcome' as "outcome",
      coalesce("detail"->>'message', "detail"->>'reason') as "reason"
    from "AuditEvent" where "serverId" = ${serverId} and ${endedIn.error} and "tool" is not null
    order by "seq" desc limit ${limit}`
}

/** The outcomes are written out, not parameters, so that the index of calls that failed serves them. */
const ended = (outcomes: string) =>
  Prisma.raw(`"event" in ('mcp.call_allowed', 'mcp.result_passed') and "detail"->>'outcome' in (${outcomes})`)

const endedIn: Record<NonNullable<AuditQuery['outcome']>, Prisma.Sql> = {
  error: ended("'tool_error', 'upstream_error'"),
  tool_error: ended("'tool_error'"),
  upstream_error: ended("'upstream_error'"),
  aborted: ended("'aborted'"),
}

function conditionsOf({ agent, actor, event, server, tool, run, decision, rule, outcome, before, after }: AuditQuery) {
  const equal = { agentId: agent, event, serverId: server, tool, decision, rule }
  return [
    Prisma.sql`true`,
    ...Object.entries(equal).flatMap(([column, value]) =>
      value === undefined ? [] : [Prisma.sql`${Prisma.raw(`"${column}"`)} = ${value}`],
    ),
    ...(run === undefined ? [] : [Prisma.sql`"runId" = ${run}::uuid`]),
    ...(actor ? [Prisma.sql`("actorId" = ${actor} or strpos(lower("actorName"), lower(${actor})) > 0)`] : []),
    ...(outcome === undefined ? [] : [endedIn[outcome]]),
    ...(before === undefined ? [] : [Prisma.sql`"seq" < ${before}`]),
    ...(after === undefined ? [] : [Prisma.sql`"seq" > ${after}`]),
  ]
}
