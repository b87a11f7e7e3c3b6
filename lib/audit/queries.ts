import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import type { AuditEvent } from '#lib/db/generated/client.ts'
import type { AuditQuery, AuditView } from './schema.ts'

export { auditEventNames } from './event-names.ts'

/** Newest first, or oldest first when `after` is given (a tail asks for what came since). Needs `audit:read`. */
export async function listAuditEvents(ctx: Ctx, query: AuditQuery): Promise<AuditView[]> {
  authorize(ctx, 'audit:read')
  const rows = await reader(ctx).auditEvent.findMany({
    where: {
      agentId: query.agent,
      event: query.event,
      serverId: query.server,
      runId: query.run,
      decision: query.decision,
      ...(query.actor
        ? {
            OR: [{ actorId: query.actor }, { actorName: { contains: query.actor, mode: 'insensitive' } }],
          }
        : {}),
      seq: { lt: query.before, gt: query.after },
    },
    orderBy: { seq: query.after === undefined ? 'desc' : 'asc' },
    take: query.limit,
    omit: { leafHash: true },
  })
  return rows.map(viewOf)
}

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

function viewOf(row: Omit<AuditEvent, 'leafHash'>): AuditView {
  return {
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
