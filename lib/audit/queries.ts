import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import type { AuditEvent } from '#lib/db/generated/client.ts'
import { eventsSql, failedCallsSql } from './queries/found-events.ts'
import type { AuditQuery, AuditView, FailedCall, TimelineEntry, TimelineQuery } from './schema.ts'

export { auditEventNames } from './event-names.ts'

/** Newest first, or oldest first when `after` is given (a tail asks for what came since). Needs `audit:read`. */
export async function listAuditEvents(ctx: Ctx, query: AuditQuery): Promise<AuditView[]> {
  authorize(ctx, 'audit:read')
  const rows = await reader(ctx).$queryRaw<Omit<AuditEvent, 'leafHash'>[]>(eventsSql(query))
  return rows.map(viewOf)
}

/** The calls of a server that failed last, newest first. Needs `runs:read`, as the log of a run does. */
export async function lastFailedCalls(ctx: Ctx, query: { serverId: string; limit: number }): Promise<FailedCall[]> {
  authorize(ctx, 'runs:read')
  const rows = await reader(ctx).$queryRaw<FailedRow[]>(failedCallsSql(query))
  return rows.map(({ at, actorId, actorName, ...row }) => {
    return { ...row, at: at.toISOString(), agent: { id: actorId, name: actorName } }
  })
}

type FailedRow = Omit<FailedCall, 'at' | 'agent'> & Pick<AuditEvent, 'at' | 'actorId' | 'actorName'>

/**
 * What happened to an agent, newest first: everything in the log but its calls, without the details that are for auditors. Needs `agents:read`.
 *
 * @param query.before a sequence number: only what is older
 */
export async function agentTimeline(ctx: Ctx, query: TimelineQuery): Promise<TimelineEntry[]> {
  authorize(ctx, 'agents:read')
  const { agentId, before = null, limit } = query
  const rows = await reader(ctx).$queryRaw<TimelineRow[]>`
    select "id", "seq", "at", "event", "actorKind", "actorName", "subjectKind", "subjectId", "subjectName", "serverId", "decision", "rule",
      "detail"->>'reason' as "reason"
    from "AuditEvent"
    where "agentId" = ${agentId} and "event" not like 'mcp.%' and (${before}::bigint is null or "seq" < ${before}::bigint)
    order by "seq" desc limit ${limit}`
  return rows.map(({ seq, at, actorKind, actorName, subjectKind, subjectId, subjectName, ...row }) => ({
    ...row,
    seq: seq.toString(),
    at: at.toISOString(),
    actor: { kind: actorKind, name: actorName },
    subject: { kind: subjectKind, id: subjectId, name: subjectName },
  }))
}

type TimelineRow = Pick<
  AuditEvent,
  'id' | 'seq' | 'at' | 'event' | 'actorKind' | 'actorName' | 'subjectKind' | 'subjectId' | 'subjectName'
> &
  Pick<TimelineEntry, 'serverId' | 'decision' | 'rule' | 'reason'>

/** What came after a sequence number, oldest first: for processes of our own that pass events on. */
export async function auditEventsAfter(
  tx: Tx,
  { after, limit }: { after: bigint; limit: number },
): Promise<AuditView[]> {
  const rows = await tx.auditEvent.findMany({
    where: { seq: { gt: after } },
    orderBy: { seq: 'asc' },
    take: limit,
    omit: { leafHash: true },
  })
  return rows.map(viewOf)
}

/** The events of some names between two sequence numbers (the first left out), oldest first: for processes of our own that pass events on. */
export async function auditEventsNamed(
  tx: Tx,
  { names, after, through, limit }: { names: readonly string[]; after: bigint; through: bigint; limit: number },
): Promise<AuditView[]> {
  const rows = await tx.auditEvent.findMany({
    where: { seq: { gt: after, lte: through }, event: { in: [...names] } },
    orderBy: { seq: 'asc' },
    take: limit,
    omit: { leafHash: true },
  })
  return rows.map(viewOf)
}

function viewOf(row: Omit<AuditEvent, 'leafHash'>): AuditView {
  return {
    id: row.id,
    seq: row.seq.toString(),
    at: row.at.toISOString(),
    event: row.event,
    actor: { kind: row.actorKind, id: row.actorId, name: row.actorName },
    subject: { kind: row.subjectKind, id: row.subjectId, name: row.subjectName },
    agentId: row.agentId,
    serverId: row.serverId,
    tool: row.tool,
    runId: row.runId,
    decision: row.decision,
    rule: row.rule,
    requestId: row.requestId,
    detail: row.detail as Record<string, unknown>,
  }
}
