import { recordAudit } from '#lib/audit/commands.ts'
import { auditEventNames } from '#lib/audit/queries.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { randomSecret, type SecretBox } from '#lib/core/secret-box.ts'
import type { Tx } from '#lib/db/client.ts'
import { giveUpPending, lockWebhook, subjectOf } from '../rows.ts'
import { checkAddress, unknownPattern } from '../rules.ts'
import type { CreateWebhookInput, UpdateWebhookInput, WebhookIdInput } from '../schema.ts'

/** What the commands need beside the database: how secrets are sealed, and which hosts may be told although they are inside. */
export type WebhookMeans = { secretBox: SecretBox; privateHosts: readonly string[] }

/** How long the secret before a rotation signs as well. */
const overlapMs = 24 * 60 * 60 * 1000
const endpointsMax = 100

/**
 * Registers an endpoint that is told of events from now on. Returns its id and its secret (`whsec_` and base64), which can be read this once only. Needs
 * `webhooks:manage`; throws `invalid` with the field, `conflict` when there are too many.
 */
export async function createWebhook(
  ctx: Ctx,
  input: CreateWebhookInput,
  means: WebhookMeans,
): Promise<{ webhookId: string; secret: string }> {
  authorize(ctx, 'webhooks:manage')
  check(input, means)
  const id = crypto.randomUUID()
  const secret = newSecret()
  // Sealed before the transaction: the key may be in another house.
  const sealed = await means.secretBox.seal(secret, sealContexts.webhook(id))
  await inTx(ctx, async (tx, ctx) => {
    // So that two at once count each other.
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtext('webhook endpoints'))`
    if ((await tx.webhookEndpoint.count()) >= endpointsMax) {
      throw new DomainError('conflict', `There are ${endpointsMax} webhooks already; delete one first.`, {
        rule: 'webhook:too_many',
      })
    }
    const data = {
      id,
      ...input,
      secret: sealed,
      cursor: await headOf(tx),
      createdAt: ctx.now,
      createdById: ctx.actor.id,
      createdByName: ctx.actor.name,
    }
    await tx.webhookEndpoint.create({ data })
    recordAudit(tx, ctx, {
      event: 'webhook.created',
      ...subjectOf(data),
      detail: { url: input.url, events: input.events },
    })
  })
  return { webhookId: id, secret }
}

/**
 * Changes the fields given. What was to be delivered when it is switched off is given up (and can be sent again later); one that is switched on again is told of what happens from then on; what it missed is in the audit log. Needs `webhooks:manage`; throws
 * `not_found`, `invalid` with the field.
 */
export async function updateWebhook(ctx: Ctx, input: UpdateWebhookInput, means: WebhookMeans): Promise<void> {
  authorize(ctx, 'webhooks:manage')
  check(input, means)
  await inTx(ctx, async (tx, ctx) => {
    const webhook = await lockWebhook(tx, input.webhookId)
    const { webhookId: id, ...fields } = input
    const changed = Object.entries(fields).filter(
      ([key, value]) =>
        value !== undefined && JSON.stringify(value) !== JSON.stringify(webhook[key as keyof typeof fields]),
    )
    if (changed.length === 0) return
    const after = Object.fromEntries(changed)
    const before = Object.fromEntries(changed.map(([key]) => [key, webhook[key as keyof typeof fields]]))
    const rest = after['enabled'] === undefined ? {} : await switched(tx, ctx, after['enabled'] === true)
    await tx.webhookEndpoint.update({ where: { id }, data: { ...after, ...rest } })
    if (after['enabled'] === false) await giveUpPending(tx, { webhookId: id, now: ctx.now })
    recordAudit(tx, ctx, { event: 'webhook.updated', ...subjectOf(webhook), detail: { before, after } })
  })
}

/** What switching on or off brings along. */
async function switched(tx: Tx, ctx: Ctx, on: boolean): Promise<object> {
  if (!on) return { disabledReason: `Switched off by ${ctx.actor.name}.` }
  return { disabledReason: null, failingSince: null, cursor: await headOf(tx) }
}

/**
 * Gives an endpoint a new secret, to be read this once; the one before signs as well for a day, so that a receiver can change without missing a message. Needs
 * `webhooks:manage`; throws `not_found`.
 */
export async function rotateWebhookSecret(
  ctx: Ctx,
  input: WebhookIdInput,
  means: WebhookMeans,
): Promise<{ secret: string; previousUntil: Date }> {
  authorize(ctx, 'webhooks:manage')
  const secret = newSecret()
  const previousUntil = new Date(ctx.now.getTime() + overlapMs)
  const sealed = await means.secretBox.seal(secret, sealContexts.webhook(input.webhookId))
  await inTx(ctx, async (tx, ctx) => {
    const webhook = await lockWebhook(tx, input.webhookId)
    await tx.webhookEndpoint.update({
      where: { id: webhook.id },
      data: { secret: sealed, previousSecret: webhook.secret, previousUntil },
    })
    recordAudit(tx, ctx, {
      event: 'webhook.secret_rotated',
      ...subjectOf(webhook),
      detail: { previousUntil: previousUntil.toISOString() },
    })
  })
  return { secret, previousUntil }
}

/** Ends an endpoint with its delivery log; what was to be delivered is not. Needs `webhooks:manage`; throws `not_found`. */
export async function deleteWebhook(ctx: Ctx, input: WebhookIdInput): Promise<void> {
  authorize(ctx, 'webhooks:manage')
  await inTx(ctx, async (tx, ctx) => {
    const webhook = await lockWebhook(tx, input.webhookId)
    await tx.webhookEndpoint.delete({ where: { id: webhook.id } })
    recordAudit(tx, ctx, { event: 'webhook.deleted', ...subjectOf(webhook), detail: { url: webhook.url } })
  })
}

/** Sends a message of type `webhook.tested` to one endpoint, also to one that is switched off. Needs `webhooks:manage`; throws `not_found`. */
export async function testWebhook(ctx: Ctx, input: WebhookIdInput): Promise<{ deliveryId: string }> {
  authorize(ctx, 'webhooks:manage')
  return await inTx(ctx, async (tx, ctx) => {
    const webhook = await lockWebhook(tx, input.webhookId)
    const body = JSON.stringify({
      type: 'webhook.tested',
      timestamp: ctx.now.toISOString(),
      data: { askedBy: { id: ctx.actor.id, name: ctx.actor.name } },
    })
    const { id } = await tx.webhookDelivery.create({
      data: { endpointId: webhook.id, event: 'webhook.tested', body, createdAt: ctx.now, nextAttemptAt: ctx.now },
      select: { id: true },
    })
    recordAudit(tx, ctx, { event: 'webhook.tested', ...subjectOf(webhook), detail: { deliveryId: id } })
    return { deliveryId: id }
  })
}

function check(input: { url?: string | undefined; events?: string[] | undefined }, means: WebhookMeans): void {
  if (input.url !== undefined) {
    const checked = checkAddress(input.url, means.privateHosts)
    if (!checked.ok) throw new DomainError('invalid', checked.error, { field: 'url' })
  }
  const unknown = input.events && unknownPattern(input.events, auditEventNames)
  if (unknown === undefined) return
  throw new DomainError('invalid', `No audit event fits ${unknown}. The audit log shows their names.`, {
    field: 'events',
  })
}

async function headOf(tx: Tx): Promise<bigint> {
  return (await tx.auditHead.findFirst({ select: { seq: true } }))?.seq ?? 0n
}

/** 32 random bytes as Standard Webhooks writes symmetric secrets. */
function newSecret(): string {
  return `whsec_${Buffer.from(randomSecret(32), 'base64url').toString('base64')}`
}
