import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import { auditOf, ctxFor } from '#lib/dev/test/fleet.ts'
import { admin, happen, log, means, privateHosts, secretBox, start, tell, test, work } from '#lib/dev/test/webhooks.ts'
import {
  collectWebhookDeliveries,
  createSender,
  createWebhook,
  createWebhookDispatcher,
  deleteWebhook,
  testWebhook,
  updateWebhook,
} from './commands.ts'
import { claimWebhookDeliveries, deliverWebhook } from './commands/deliver.ts'
import { getWebhook, listWebhookDeliveries } from './queries.ts'
import { failingMsMax, retryDelaysMs } from './rules.ts'
import { createWebhookInput, deliveryListQuery } from './schema.ts'

test('two workers that read the log at once make one delivery of each event', async ({ db, receiver }) => {
  const { ctx, webhookId } = await tell(db, receiver.url)
  for (const id of ['two', 'three']) await happen(db, id)
  await Promise.all([1, 2, 3, 4].map(() => collectWebhookDeliveries(ctxFor(db, undefined, start))))
  while ((await collectWebhookDeliveries(ctxFor(db, undefined, start))) > 0);
  const { items } = await listWebhookDeliveries(ctx, webhookId, deliveryListQuery.parse({}))
  expect(items.map(({ event }) => event)).toEqual(['team.created', 'team.created', 'team.created'])
  const page = await listWebhookDeliveries(ctx, webhookId, deliveryListQuery.parse({ limit: '2' }))
  const rest = await listWebhookDeliveries(
    ctx,
    webhookId,
    deliveryListQuery.parse({ limit: '2', before: page.nextCursor! }),
  )
  expect([...page.items, ...rest.items].map(({ id }) => id)).toEqual(items.map(({ id }) => id))
  expect(rest.nextCursor).toBeNull()
})

test('a receiver that fails is tried again when the schedule or it says so, under the same id, and the log has every try', async ({
  db,
  receiver,
  sender,
}) => {
  const { ctx, webhookId } = await tell(db, receiver.url)
  receiver.answers.push({ status: 500 }, { status: 503, headers: { 'retry-after': '3600' } })
  const at = (ms: number) => work({ ...ctx, now: new Date(start.getTime() + ms) }, { secretBox, sender })
  await at(0)
  await at(retryDelaysMs[0]! - 1)
  expect(receiver.received).toHaveLength(1)
  await at(retryDelaysMs[0]!)
  await at(retryDelaysMs[0]! + retryDelaysMs[1]!)
  expect(receiver.received).toHaveLength(2)
  expect(await getWebhook(ctx, webhookId)).toMatchObject({ failingSince: start.toISOString() })
  await at(retryDelaysMs[0]! + 3_600_000)
  const { items } = await listWebhookDeliveries(ctx, webhookId, deliveryListQuery.parse({ state: 'delivered' }))
  expect(items[0]?.attempts.map(({ number, status }) => [number, status])).toEqual([
    [1, 500],
    [2, 503],
    [3, 204],
  ])
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  expect(await getWebhook(ctx, webhookId)).toMatchObject({ failingSince: null, week: { delivered: 1 } })
})

test('410, and five days without a success, switch an endpoint off on the record; switched on again it starts from then', async ({
  db,
  receiver,
  sender,
}) => {
  const { ctx, webhookId } = await tell(db, receiver.url)
  receiver.answers.push({ status: 500 }, { status: 500 })
  await work(ctx, { secretBox, sender })
  const late = { ...ctx, now: new Date(start.getTime() + failingMsMax + 1) }
  await work(late, { secretBox, sender })
  expect(await getWebhook(ctx, webhookId)).toMatchObject({
    enabled: false,
    disabledReason: expect.stringContaining('five days'),
  })
  expect((await auditOf(db, webhookId)).at(-1)).toMatchObject({ event: 'webhook.disabled' })
  await happen(db, 'missed')
  const told = async () => {
    while ((await collectWebhookDeliveries(ctx)) > 0);
    return (await listWebhookDeliveries(ctx, webhookId, deliveryListQuery.parse({}))).items.length
  }
  expect(await told()).toBe(1)
  await updateWebhook(late, { webhookId, enabled: true }, means)
  expect(await told()).toBe(1)
  await happen(db, 'after')
  expect(await told()).toBe(2)

  receiver.answers.push({ status: 410 })
  await testWebhook(late, { webhookId })
  await work(late, { secretBox, sender })
  expect(await getWebhook(ctx, webhookId)).toMatchObject({
    enabled: false,
    disabledReason: expect.stringContaining('410'),
  })
  expect((await auditOf(db, webhookId)).map(({ event }) => event)).toContain('webhook.tested')
})

test('what was given up weeks ago says nothing about the next: one failure then is tried again', async ({
  db,
  receiver,
  sender,
}) => {
  const { ctx, webhookId, deliveryId } = await tell(db, receiver.url)
  let now = start
  for (const delay of [0, ...retryDelaysMs]) {
    receiver.answers.push({ status: 500 })
    now = new Date(now.getTime() + delay)
    await work({ ...ctx, now }, { secretBox, sender })
  }
  expect(await db.webhookDelivery.findUnique({ where: { id: deliveryId } })).toMatchObject({ state: 'failed' })
  expect(await getWebhook(ctx, webhookId)).toMatchObject({ enabled: true, failingSince: start.toISOString() })

  const later = new Date(now.getTime() + 30 * 86_400_000)
  await happen(db, 'weeks later')
  while ((await collectWebhookDeliveries({ ...ctx, now: later })) > 0);
  receiver.answers.push({ status: 502 })
  await work({ ...ctx, now: later }, { secretBox, sender })
  expect(await getWebhook(ctx, webhookId)).toMatchObject({ enabled: true, failingSince: later.toISOString() })
  expect(await db.webhookDelivery.findFirst({ where: { endpointId: webhookId, state: 'pending' } })).toMatchObject({
    attempts: 1,
    nextAttemptAt: new Date(later.getTime() + retryDelaysMs[0]!),
  })

  // What is being tried without a pause switches it off as before, also when another event comes in between.
  const fifth = new Date(later.getTime() + failingMsMax + 1)
  await happen(db, 'in between')
  while ((await collectWebhookDeliveries({ ...ctx, now: fifth })) > 0);
  receiver.answers.push({ status: 502 }, { status: 502 })
  await work({ ...ctx, now: fifth }, { secretBox, sender })
  expect(await getWebhook(ctx, webhookId)).toMatchObject({ enabled: false })
})

test('whoever takes a delivery and ends, or cannot sign it, leaves it to the next after a minute', async ({
  db,
  receiver,
  sender,
}) => {
  const { ctx, deliveryId } = await tell(db, receiver.url)
  const taken = await claimWebhookDeliveries(ctx, { limit: 100, perEndpoint: 9, except: [] })
  expect(taken.map(({ id }) => id)).toContain(deliveryId)
  await work(ctx, { secretBox, sender })
  expect(receiver.received).toEqual([])
  const later = (ms: number) => ({ ...ctx, now: new Date(start.getTime() + ms) })
  const locked = { ...secretBox, open: () => Promise.reject(new Error('the key service is away')) }
  await work(later(60_000), { secretBox: locked, sender })
  expect(receiver.received).toEqual([])
  await work(later(120_000), { secretBox, sender })
  expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([deliveryId])
})

test('a receiver that hangs takes its own share and no more; the others are told meanwhile', async ({
  db,
  receiver,
  sender,
}) => {
  const asked: string[] = []
  const silent = createServer((request) => void asked.push(request.url ?? ''))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  await tell(db, `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`)
  for (let times = 0; times < 10; times += 1) await happen(db, `again ${times}`)
  const { ctx } = await tell(db, receiver.url)
  while ((await collectWebhookDeliveries(ctx)) > 0);
  const dispatcher = createWebhookDispatcher({ ctx: () => ctx, log, sender, secretBox })
  const until = Date.now() + 1500
  while (Date.now() < until && (receiver.received.length === 0 || asked.length < 4)) {
    await dispatcher.round()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(receiver.received).toHaveLength(1)
  expect(asked).toHaveLength(4)
  silent.closeAllConnections()
  silent.close()
  await dispatcher.stop()
})

test('an address inside is never told, by whatever name; a redirect is not followed; silence ends', async ({
  db,
  receiver,
}) => {
  const guarded = createSender({ privateHosts: [], timeoutMs: 300 })
  const post = (url: string) => guarded.post({ url, headers: {}, body: '{}' })
  const port = new URL(receiver.url).port
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0.0.0.0']) {
    expect(await post(`http://${host}:${port}/`)).toMatchObject({
      status: null,
      error: expect.stringContaining('inside'),
    })
  }
  expect(receiver.received).toEqual([])
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const allowed = createSender({ privateHosts, timeoutMs: 300 })
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`
  expect(await allowed.post({ url, headers: {}, body: '{}' })).toMatchObject({
    status: null,
    error: expect.stringContaining('0.3 s'),
  })
  receiver.answers.push({ status: 302, headers: { location: url } })
  expect(await allowed.post({ url: receiver.url, headers: {}, body: '{}' })).toMatchObject({ status: 302 })
  silent.closeAllConnections()
  silent.close()
  await Promise.all([guarded.close(), allowed.close()])
  const ctx = await admin(db)
  const input = createWebhookInput.parse({ url: 'http://example.com/', events: ['*'] })
  await expect(createWebhook(ctx, input, means)).rejects.toMatchObject({ code: 'invalid', details: { field: 'url' } })
  const unknown = createWebhookInput.parse({ url: 'https://example.com/', events: ['agent.creatd'] })
  await expect(createWebhook(ctx, unknown, means)).rejects.toMatchObject({
    code: 'invalid',
    details: { field: 'events' },
  })
})

test('what is settled, or gone with its endpoint, is not sent', async ({ db, receiver, sender }) => {
  const { ctx, webhookId, deliveryId } = await tell(db, receiver.url)
  await work(ctx, { secretBox, sender })
  await deliverWebhook(ctx, { id: deliveryId }, { secretBox, sender })
  await deleteWebhook(ctx, { webhookId })
  await deliverWebhook(ctx, { id: deliveryId }, { secretBox, sender })
  expect(receiver.received).toHaveLength(1)
})
