import { randomUUID } from 'node:crypto'
import type { Actor } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { type AuditRow, bufferAudit } from './buffer.ts'
import type { AuditEntry, AuditEventName } from './events.ts'

type Who = { actor: Actor; now: Date; requestId?: string }

/** Records an event in the caller's transaction: it commits with the change it describes, or not at all. There is no other variant. */
export function recordAudit<N extends AuditEventName>(tx: Tx, who: Who, entry: AuditEntry<N>): void {
  bufferAudit(tx, auditRow(who, entry))
}

/** The row of an entry, for writers that append in bulk over `pg` (the broker's group commit): `select audit_append($1::jsonb)` with an array of these. */
export function auditRow<N extends AuditEventName>(
  who: Who & { id?: string | undefined },
  entry: AuditEntry<N>,
): AuditRow {
  const { subject, ...rest } = entry
  return {
    id: who.id ?? auditRowId(who.now),
    at: who.now.toISOString(),
    actorKind: who.actor.kind,
    actorId: who.actor.id,
    actorName: who.actor.name,
    subjectKind: subject.kind,
    subjectId: subject.id,
    subjectName: subject.name,
    requestId: who.requestId,
    ...rest,
  }
}

/** UUID version 7 (RFC 9562): ids of the same time lie together in the index, so that a new row touches few of its pages. */
export function auditRowId(now: Date): string {
  const time = now.getTime().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
