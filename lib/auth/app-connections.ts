import { recordAudit } from '#lib/audit/commands.ts'
import type { AuditEvents } from '#lib/audit/events.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Ctx } from './ctx.ts'

type Connection = { id: string; personId: string; clientId: string; clientName: string; revokedAt: Date | null }

/** Ends a connection that the caller has locked; its tokens do not count from the next request on. */
export async function endConnection(
  ctx: Ctx & { tx: Tx },
  { connection, by }: { connection: Connection; by: AuditEvents['app.disconnected']['by'] },
): Promise<void> {
  if (connection.revokedAt) return
  const { id, personId, clientId, clientName } = connection
  await ctx.tx.appConnection.update({ where: { id }, data: { revokedAt: ctx.now } })
  recordAudit(ctx.tx, ctx, {
    event: 'app.disconnected',
    subject: { kind: 'app', id: clientId, name: clientName },
    detail: { connectionId: id, personId, by },
  })
}
