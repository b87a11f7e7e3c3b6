import type { Actor } from '#lib/auth/ctx.ts'
import { timedId } from '#lib/core/timed-id.ts'
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
    id: who.id ?? timedId(who.now),
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
