import { Webhook } from 'standardwebhooks'
import { expect } from 'vitest'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { admin, means, secretBox, start, tell, test, type Received, work } from '#lib/dev/test/webhooks.ts'
import {
  createWebhook,
  deleteWebhook,
  forgetWebhookDeliveries,
  replayWebhook,
  rotateWebhookSecret,
  testWebhook,
  updateWebhook,
} from './commands.ts'
import { getWebhook, listWebhookDeliveries, listWebhooks } from './queries.ts'
import { createWebhookInput, deliveryListQuery } from './schema.ts'

test('what happens reaches the receiver once, signed so that its library verifies it', async ({
  db,
  receiver,
  sender,
}) => {
  const { webhookId, secret, deliveryId, ctx } = await tell(db, receiver.url)
  const now = { ...ctx, now: new Date() }
  await Promise.all([1, 2, 3].map(() => work(now, { secretBox, sender })))
  expect(receiver.received).toHaveLength(1)
  const [{ headers, body }] = receiver.received as [Received]
  expect(new Webhook(secret).verify(body, headers)).toMatchObject({
    type: 'team.created',
    timestamp: start.toISOString(),
    data: { event: 'team.created', subject: { kind: 'team', id: 'one' }, actor: { kind: 'system' } },
  })
  expect(headers['webhook-id']).toBe(deliveryId)
  expect(() => new Webhook(secret).verify(body.replace('one', 'two'), headers)).toThrow(/signature/i)
  const view = await getWebhook(ctx, webhookId)
  expect(view).toMatchObject({ enabled: true, failingSince: null })
  expect(JSON.stringify([view, await listWebhooks(ctx)])).not.toContain(secret.slice(6))
  expect((await auditOf(db, webhookId)).map(({ event }) => event)).toEqual(['webhook.created'])
})

test('after a rotation both secrets sign for a day, then the new one alone', async ({ db, receiver, sender }) => {
  const { ctx, webhookId, secret } = await tell(db, receiver.url)
  const rotated = await rotateWebhookSecret({ ...ctx, now: new Date() }, { webhookId }, means)
  const send = async (now: Date) => {
    await testWebhook({ ...ctx, now }, { webhookId })
    await work({ ...ctx, now }, { secretBox, sender })
    return receiver.received.at(-1)!
  }
  const both = await send(new Date())
  for (const each of [secret, rotated.secret])
    expect(() => new Webhook(each).verify(both.body, both.headers)).not.toThrow()
  const later = await send(new Date(rotated.previousUntil.getTime() + 1))
  expect(later.headers['webhook-signature']?.split(' ')).toHaveLength(1)
  expect((await auditOf(db, webhookId)).map(({ event }) => event)).toContain('webhook.secret_rotated')
})

test('what failed is sent again on demand, one or all since a time', async ({ db, receiver, sender }) => {
  const { ctx, webhookId, deliveryId } = await tell(db, receiver.url)
  await db.webhookDelivery.update({ where: { id: deliveryId }, data: { state: 'failed', nextAttemptAt: null } })
  const failedSince = new Date(start.getTime() - 1)
  expect(await replayWebhook(ctx, { webhookId, failedSince })).toEqual({ replayed: 1 })
  await work(ctx, { secretBox, sender })
  expect(await replayWebhook(ctx, { webhookId, failedSince })).toEqual({ replayed: 0 })
  expect(await replayWebhook(ctx, { webhookId, deliveryId })).toEqual({ replayed: 1 })
  await work(ctx, { secretBox, sender })
  expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([deliveryId, deliveryId])
  const replays = (await auditOf(db, webhookId)).filter(({ event }) => event === 'webhook.replayed')
  expect(replays).toHaveLength(2)
  await deleteWebhook(ctx, { webhookId })
  expect(await db.webhookDelivery.count({ where: { id: deliveryId } })).toBe(0)
  expect((await auditOf(db, webhookId)).at(-1)).toMatchObject({ event: 'webhook.deleted' })
  await expect(replayWebhook(ctx, { webhookId, deliveryId })).rejects.toMatchObject({ code: 'not_found' })
})

test('what waits when an endpoint is switched off is given up, and can be sent again once it is on', async ({
  db,
  receiver,
  sender,
}) => {
  const { ctx, webhookId, deliveryId } = await tell(db, receiver.url)
  await updateWebhook(ctx, { webhookId, enabled: false }, means)
  const state = async () => (await db.webhookDelivery.findUniqueOrThrow({ where: { id: deliveryId } })).state
  expect(await state()).toBe('failed')
  await expect(replayWebhook(ctx, { webhookId, deliveryId })).rejects.toMatchObject({ code: 'conflict' })
  expect(await state()).toBe('failed')
  await updateWebhook(ctx, { webhookId, enabled: true }, means)
  await replayWebhook(ctx, { webhookId, deliveryId })
  await work(ctx, { secretBox, sender })
  expect(await state()).toBe('delivered')
})

test('deliveries that were settled a month ago are forgotten, with their attempts; what waits is not', async ({
  db,
  receiver,
  sender,
}) => {
  const { ctx, webhookId } = await tell(db, receiver.url)
  await work(ctx, { secretBox, sender })
  await testWebhook(ctx, { webhookId })
  const count = () => db.webhookDelivery.count({ where: { endpointId: webhookId } })
  await forgetWebhookDeliveries({ ...ctx, now: new Date(start.getTime() + 29 * 86_400_000) })
  expect(await count()).toBe(2)
  await forgetWebhookDeliveries({ ...ctx, now: new Date(start.getTime() + 31 * 86_400_000) })
  expect(await count()).toBe(1)
})

test('only who manages webhooks sees and changes them', async ({ db, receiver }) => {
  const { webhookId, deliveryId } = await tell(db, receiver.url)
  const ctx = ctxFor(db, await makePerson(db, { roles: ['team_lead', 'finance', 'on_call'] }), start)
  const attempts = [
    () => createWebhook(ctx, createWebhookInput.parse({ url: receiver.url, events: ['*'] }), means),
    () => updateWebhook(ctx, { webhookId, enabled: false }, means),
    () => rotateWebhookSecret(ctx, { webhookId }, means),
    () => testWebhook(ctx, { webhookId }),
    () => replayWebhook(ctx, { webhookId, deliveryId }),
    () => deleteWebhook(ctx, { webhookId }),
    () => listWebhooks(ctx),
    () => listWebhookDeliveries(ctx, webhookId, deliveryListQuery.parse({})),
  ]
  for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: 'forbidden' })
  const before = await db.webhookEndpoint.findUniqueOrThrow({ where: { id: webhookId } })
  const change = { webhookId, description: 'to the pager' }
  await updateWebhook(await admin(db), change, means)
  expect((await auditOf(db, webhookId)).at(-1)).toMatchObject({
    event: 'webhook.updated',
    detail: { before: { description: before.description }, after: { description: 'to the pager' } },
  })
})
