import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'

export function subjectOf({ id, url }: { id: string; url: string }) {
  return { subject: { kind: 'webhook', id, name: new URL(url).host } }
}

/** The endpoint, locked until the end of the transaction; throws `not_found`. */
export async function lockWebhook(tx: Tx, id: string) {
  await tx.$queryRaw`select 1 from "WebhookEndpoint" where "id" = ${id}::uuid for update`
  const row = await tx.webhookEndpoint.findUnique({ where: { id } })
  if (!row) throw new DomainError('not_found', 'There is no such webhook.')
  return row
}

/** Nothing more is sent of what waits, except tests: it counts as failed and can be sent again. */
export async function giveUpPending(tx: Tx, { webhookId, now }: { webhookId: string; now: Date }): Promise<void> {
  await tx.webhookDelivery.updateMany({
    where: { endpointId: webhookId, state: 'pending', eventSeq: { not: null } },
    data: { state: 'failed', nextAttemptAt: null, settledAt: now },
  })
}
