import { invariant } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'

/** A row as the SQL function audit_append takes it. */
export type AuditRow = Record<string, unknown>

const pending = new WeakMap<object, AuditRow[]>()

/** Starts collecting for a transaction; only `inTx` calls it. */
export function openAudit(tx: Tx): void {
  pending.set(tx, [])
}

/** Keeps a row for the end of the transaction. Outside of `inTx` there is none, and that is a programmer's mistake. */
export function bufferAudit(tx: Tx, row: AuditRow): void {
  const rows = pending.get(tx)
  invariant(rows, 'recordAudit is called inside inTx')
  rows.push(row)
}

/**
 * Appends what was collected, in order; the head's lock is held from here to the commit. Every call of every agent waits for it: from here on nobody lies
 * idle for longer than the connection says, whatever the transaction has allowed itself.
 */
export async function flushAudit(tx: Tx): Promise<void> {
  const rows = pending.get(tx) ?? []
  pending.delete(tx)
  if (rows.length === 0) return
  await tx.$queryRaw`
    select set_config('idle_in_transaction_session_timeout', null, true), audit_append(${JSON.stringify(rows)}::jsonb)`
}
