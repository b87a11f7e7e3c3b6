import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { cutText } from '#lib/core/storable.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import type { EscalationKind } from '../schema.ts'
import type { LockedRun, LogEntry } from './run-log.ts'

/** Brings something to people, once per source: the row, its audit event and the log entry that shows it. Null when it is there already. */
export async function escalate(
  ctx: Ctx & { tx: Tx },
  run: LockedRun,
  found: { kind: EscalationKind; title: string; detail: Record<string, unknown>; sourceId: string; rule?: string },
): Promise<LogEntry | null> {
  const { tx } = ctx
  const [row] = await tx.escalation.createManyAndReturn({
    data: [
      {
        runId: run.id,
        agentId: run.agentId,
        kind: found.kind,
        title: cutText(found.title, 300),
        detail: found.detail as Prisma.InputJsonObject,
        createdAt: ctx.now,
        sourceId: found.sourceId,
      },
    ],
    skipDuplicates: true,
    select: { id: true, title: true, agent: { select: { name: true, ownerTeamId: true } } },
  })
  if (!row) return null
  await tx.run.update({ where: { id: run.id }, data: { escalationCount: { increment: 1 } } })
  recordAudit(tx, ctx, {
    event: 'run.escalated',
    subject: { kind: 'run', id: run.id, name: row.agent.name },
    detail: { kind: found.kind, title: row.title },
    agentId: run.agentId,
    teamId: row.agent.ownerTeamId,
    runId: run.id,
    ...(found.rule ? { rule: found.rule } : {}),
  })
  const payload = { escalationId: row.id, kind: found.kind, title: row.title }
  return { kind: 'escalation', payload, at: ctx.now, key: `escalation:${found.sourceId}` }
}
