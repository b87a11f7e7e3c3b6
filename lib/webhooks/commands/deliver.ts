import { Webhook } from 'standardwebhooks'
import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { subjectOf } from '../rows.ts'
import { failingMsMax, retryAfterMs, type Settled, settle } from '../rules.ts'
import type { Sender, Sent } from '../send.ts'

/** What delivering needs beside the database. */
export type WebhookSending = { secretBox: SecretBox; sender: Sender }

/** Lasts longer than the slowest attempt, so that nobody else takes a delivery up meanwhile. */
const claimMs = 60_000

/**
 * Makes one attempt at a delivery and settles what follows: delivered, another attempt later, or given up; an endpoint that wants no more (410) or has failed for five days
 * is switched off, on the record. Does nothing when the delivery is settled, taken or not due, so it may be called twice.
 */
export async function deliverWebhook(ctx: Ctx, input: { deliveryId: string }, means: WebhookSending): Promise<void> {
  const claimed = await claim(ctx, input.deliveryId)
  if (!claimed) return
  const { endpoint, ...delivery } = claimed
  const signature = await signatures(ctx, { endpoint, delivery, secretBox: means.secretBox })
  const sent = await means.sender.post({
    url: endpoint.url,
    body: delivery.body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Wheelhouse-Webhooks/1',
      'webhook-id': delivery.id,
      'webhook-timestamp': String(Math.floor(ctx.now.getTime() / 1000)),
      'webhook-signature': signature,
    },
  })
  await settleAttempt(ctx, { deliveryId: delivery.id, sent })
}

/** Takes the delivery for a while, so that of two workers one sends it; one that ends meanwhile leaves it to the job's next try. */
async function claim(ctx: Ctx, id: string) {
  const { count } = await ctx.db.webhookDelivery.updateMany({
    where: {
      id,
      state: 'pending',
      nextAttemptAt: { lte: ctx.now },
      OR: [{ endpoint: { enabled: true } }, { eventSeq: null }],
    },
    data: { nextAttemptAt: new Date(ctx.now.getTime() + claimMs) },
  })
  if (count === 0) return null
  return await ctx.db.webhookDelivery.findUnique({ where: { id }, include: { endpoint: true } })
}

type Signed = {
  endpoint: { id: string; secret: Uint8Array; previousSecret: Uint8Array | null; previousUntil: Date | null }
  delivery: { id: string; body: string }
  secretBox: SecretBox
}

/** One signature for each secret in force, separated by spaces (Standard Webhooks, "Signature scheme"). */
async function signatures(ctx: Ctx, { endpoint, delivery, secretBox }: Signed): Promise<string> {
  const { previousSecret, previousUntil } = endpoint
  const sealed = [endpoint.secret]
  if (previousSecret && previousUntil && previousUntil > ctx.now) sealed.push(previousSecret)
  const secrets = await Promise.all(sealed.map((each) => secretBox.open(each, sealContexts.webhook(endpoint.id))))
  return secrets
    .map((secret) => new Webhook(secret))
    .map((signer) => signer.sign(delivery.id, ctx.now, delivery.body))
    .join(' ')
}

async function settleAttempt(ctx: Ctx, { deliveryId, sent }: { deliveryId: string; sent: Sent }): Promise<void> {
  await inTx(ctx, async (tx, ctx) => {
    const delivery = await tx.webhookDelivery.findUnique({ where: { id: deliveryId }, include: { endpoint: true } })
    // Deleted meanwhile, with its endpoint.
    if (!delivery) return
    const { endpoint } = delivery
    const attempts = delivery.attempts + 1
    const outcome = { status: sent.status, retryAfterMs: retryAfterMs(sent.retryAfter, ctx.now) }
    const settled = settle(outcome, attempts, ctx.now)
    const number = (await tx.webhookAttempt.count({ where: { deliveryId } })) + 1
    const { status, error, ms } = sent
    await tx.webhookAttempt.create({ data: { deliveryId, number, at: ctx.now, ms, status, error } })
    const nextAttemptAt = settled.state === 'pending' ? settled.nextAttemptAt : null
    await tx.webhookDelivery.update({
      where: { id: deliveryId },
      data: { state: settled.state, attempts, nextAttemptAt, settledAt: nextAttemptAt ? null : ctx.now },
    })
    if (nextAttemptAt) {
      const key = `webhook:${deliveryId}`
      await enqueue(tx, jobs.deliverWebhook, { payload: { deliveryId }, key, runAt: nextAttemptAt })
    }
    const reason = whySwitchedOff(endpoint, settled, ctx.now)
    const failingSince = settled.state === 'delivered' ? null : (endpoint.failingSince ?? ctx.now)
    await tx.webhookEndpoint.update({
      where: { id: endpoint.id },
      data: { failingSince, ...(reason ? { enabled: false, disabledReason: reason } : {}) },
    })
    if (reason) recordAudit(tx, ctx, { event: 'webhook.disabled', ...subjectOf(endpoint), detail: { reason } })
  })
}

function whySwitchedOff(
  endpoint: { enabled: boolean; failingSince: Date | null },
  settled: Settled,
  now: Date,
): string | null {
  if (!endpoint.enabled || settled.state === 'delivered') return null
  if (settled.state === 'failed' && settled.gone) return 'The receiver answered 410 Gone.'
  const { failingSince } = endpoint
  const late = failingSince !== null && now.getTime() - failingSince.getTime() > failingMsMax
  return late ? 'No delivery has succeeded for five days.' : null
}
