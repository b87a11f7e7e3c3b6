import { Webhook } from 'standardwebhooks'
import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Tx } from '#lib/db/client.ts'
import { giveUpPending, subjectOf } from '../rows.ts'
import { failingMsMax, retryAfterMs, type Settled, settle } from '../rules.ts'
import type { Sender, Sent } from '../send.ts'

/** What delivering needs beside the database. */
export type WebhookSending = { secretBox: SecretBox; sender: Sender }

/** Lasts longer than the slowest attempt, so that nobody else takes a delivery up meanwhile; whoever ends in between leaves it to the next after that. */
const claimMs = 60_000

/** A delivery that was taken, and whose. */
export type ClaimedDelivery = { id: string; endpointId: string }

/**
 * Takes deliveries that are due: at most `limit`, `perEndpoint` of each endpoint, none of those in `except`. A delivery is taken by one worker at a time and is due again if nothing
 * became of it within a minute, so the rows themselves are the queue.
 */
export async function claimWebhookDeliveries(
  ctx: Ctx,
  options: { limit: number; perEndpoint: number; except: readonly string[] },
): Promise<ClaimedDelivery[]> {
  const { limit, perEndpoint, except } = options
  const until = new Date(ctx.now.getTime() + claimMs)
  return await ctx.db.$queryRaw<ClaimedDelivery[]>`
    with due as (
      select q."id" from (
        select d."id", d."nextAttemptAt", row_number() over (partition by d."endpointId" order by d."nextAttemptAt", d."id") as n
        from "WebhookDelivery" d join "WebhookEndpoint" e on e."id" = d."endpointId"
        where d."state" = 'pending' and d."nextAttemptAt" <= ${ctx.now} and (e."enabled" or d."eventSeq" is null)
          and not d."endpointId" = any (${except}::uuid[])
      ) q where q.n <= ${perEndpoint} order by q."nextAttemptAt", q."id" limit ${limit}
    ), taken as (
      select d."id" from "WebhookDelivery" d join due using ("id")
      where d."state" = 'pending' and d."nextAttemptAt" <= ${ctx.now} for update of d skip locked
    )
    update "WebhookDelivery" d set "nextAttemptAt" = ${until} from taken where d."id" = taken."id" returning d."id", d."endpointId"`
}

/**
 * Makes one attempt at a delivery that was taken and settles what follows: delivered, another attempt later, or given up; an endpoint that wants no more (410) or has failed all that was tried over five days is
 * switched off, on the record. Rejects when it could not be tried or settled; then it is due again.
 */
export async function deliverWebhook(ctx: Ctx, input: { id: string }, means: WebhookSending): Promise<void> {
  const claimed = await ctx.db.webhookDelivery.findUnique({ where: { id: input.id }, include: { endpoint: true } })
  if (claimed?.state !== 'pending') return
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
  await settleAttempt(ctx, { deliveryId: delivery.id, endpointId: endpoint.id, sent })
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

async function settleAttempt(
  ctx: Ctx,
  { deliveryId, endpointId, sent }: { deliveryId: string; endpointId: string; sent: Sent },
): Promise<void> {
  await inTx(ctx, async (tx, ctx) => {
    // First the endpoint, as everywhere: its attempts take turns, so each sees what became of the one before.
    await tx.$queryRaw`select 1 from "WebhookEndpoint" where "id" = ${endpointId}::uuid for update`
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
    // Given up meanwhile, when its endpoint was switched off: then only a success changes that.
    if (delivery.state === 'pending' || settled.state === 'delivered') {
      await tx.webhookDelivery.update({
        where: { id: deliveryId },
        data: { state: settled.state, attempts, nextAttemptAt, settledAt: nextAttemptAt ? null : ctx.now },
      })
    }
    const failingSince = settled.state === 'delivered' ? null : await failingFrom(tx, { delivery, now: ctx.now })
    const reason = whySwitchedOff({ enabled: endpoint.enabled, failingSince }, settled, ctx.now)
    await tx.webhookEndpoint.update({
      where: { id: endpoint.id },
      data: { failingSince, ...(reason ? { enabled: false, disabledReason: reason } : {}) },
    })
    if (!reason) return
    await giveUpPending(tx, { webhookId: endpoint.id, now: ctx.now })
    recordAudit(tx, ctx, { event: 'webhook.disabled', ...subjectOf(endpoint), detail: { reason } })
  })
}

type Failing = {
  delivery: { id: string; endpointId: string; attempts: number; endpoint: { failingSince: Date | null } }
  now: Date
}

/**
 * Since when nothing but failures has come of what was tried. Days on which nothing was tried prove nothing against a receiver: after what
 * failed before was given up, the next failure begins anew.
 */
async function failingFrom(tx: Tx, { delivery, now }: Failing): Promise<Date> {
  const { failingSince } = delivery.endpoint
  if (failingSince === null || delivery.attempts > 0) return failingSince ?? now
  const { id, endpointId } = delivery
  const tried = { endpointId, id: { not: id }, state: 'pending', attempts: { gt: 0 } }
  return (await tx.webhookDelivery.findFirst({ where: tried, select: { id: true } })) ? failingSince : now
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
