import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { lockWebhook, subjectOf } from '../rows.ts'
import type { ReplayInput } from '../schema.ts'

/** As many at once; the rest with the next call. */
const batchMax = 1000

/**
 * Sends again what was sent before, under the same message id, so that a receiver that has it already can tell: one delivery whatever became of it, or all that failed since
 * a time (the oldest 1,000). Needs `webhooks:manage`; throws `not_found`,
 * `conflict` when it is switched off.
 */
export async function replayWebhook(ctx: Ctx, input: ReplayInput): Promise<{ replayed: number }> {
  authorize(ctx, 'webhooks:manage')
  return await inTx(ctx, async (tx, ctx) => {
    const webhook = await lockWebhook(tx, input.webhookId)
    if (!webhook.enabled) {
      throw new DomainError('conflict', 'The webhook is switched off. Switch it on first.', {
        rule: 'webhook:switched_off',
      })
    }
    const which =
      'deliveryId' in input ? { id: input.deliveryId } : { state: 'failed', createdAt: { gte: input.failedSince } }
    const rows = await tx.webhookDelivery.findMany({
      where: { endpointId: webhook.id, ...which },
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
      take: batchMax,
      select: { id: true },
    })
    if (rows.length === 0 && 'deliveryId' in input) throw new DomainError('not_found', 'There is no such delivery.')
    if (rows.length === 0) return { replayed: 0 }
    const ids = rows.map(({ id }) => id)
    await tx.webhookDelivery.updateMany({
      where: { id: { in: ids } },
      data: { state: 'pending', nextAttemptAt: ctx.now, settledAt: null, attempts: 0 },
    })
    recordAudit(tx, ctx, { event: 'webhook.replayed', ...subjectOf(webhook), detail: { deliveries: ids.length } })
    return { replayed: ids.length }
  })
}
