import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { expect } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import { inTx } from '#lib/auth/ctx.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { createLog } from '#lib/log/log.ts'
import {
  collectWebhookDeliveries,
  createSender,
  createWebhook,
  createWebhookDispatcher,
  deleteWebhook,
  forgetWebhookDeliveries,
  replayWebhook,
  rotateWebhookSecret,
  testWebhook,
  updateWebhook,
} from './commands.ts'
import { claimWebhookDeliveries } from './commands/deliver.ts'
import { getWebhook, listWebhookDeliveries, listWebhooks } from './queries.ts'
import { failingMsMax, retryDelaysMs } from './rules.ts'
import { createWebhookInput, deliveryListQuery } from './schema.ts'

type Received = { headers: Record<string, string>; body: string }

const secretBox = createSecretBox(Buffer.alloc(32, 7).toString('base64'))
const privateHosts = ['127.0.0.1']
const means = { secretBox, privateHosts }
const start = new Date('2026-11-25T12:00:00Z')

const test = dbTest
  .extend('receiver', async ({}, { onCleanup }) => {
    const received: Received[] = []
    const answers: { status: number; headers?: Record<string, string> }[] = []
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        received.push({ headers: request.headers as Record<string, string>, body })
        const { status, headers } = answers.shift() ?? { status: 204 }
        response.writeHead(status, headers).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onCleanup(() => void server.close())
    return { received, answers, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` }
  })
  .extend('sender', async ({}, { onCleanup }) => {
    const sender = createSender({ privateHosts, timeoutMs: 2000 })
    onCleanup(() => sender.close())
    return sender
  })

const log = createLog({ process: 'test', level: 'silent' })

/** What a worker does at a time: sends what is due until nothing is. */
async function work(ctx: Ctx, parts: Pick<Parameters<typeof createWebhookDispatcher>[0], 'sender' | 'secretBox'>) {
  for (let begun = 1; begun > 0;) {
    const dispatcher = createWebhookDispatcher({ ctx: () => ctx, log, ...parts })
    begun = await dispatcher.round()
    await dispatcher.stop()
  }
}

async function admin(db: Db, now = start) {
  return ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now)
}

/** An endpoint that is told of one family, and something of that family that happens. */
async function tell(db: Db, url: string, events = ['team.*']) {
  const ctx = await admin(db)
  const made = await createWebhook(ctx, createWebhookInput.parse({ url, events }), means)
  await happen(db, 'one')
  await collectWebhookDeliveries(ctxFor(db, undefined, start))
  const [delivery] = (await listWebhookDeliveries(ctx, made.webhookId, deliveryListQuery.parse({}))).items
  return { ctx, ...made, deliveryId: delivery?.id ?? '' }
}

async function happen(db: Db, id: string): Promise<void> {
  await inTx(ctxFor(db, undefined, start), async (tx, ctx) => {
    const subject = { kind: 'team', id, name: id }
    recordAudit(tx, ctx, { event: 'team.created', subject, detail: { costCenter: null } })
    recordAudit(tx, ctx, { event: 'agent.activated', subject: { ...subject, kind: 'agent' }, detail: {} })
  })
}

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

test('two workers that read the log at once make one delivery of each event', async ({ db, receiver }) => {
  const { ctx, webhookId } = await tell(db, receiver.url)
  for (const id of ['two', 'three']) await happen(db, id)
  await Promise.all([1, 2, 3, 4].map(() => collectWebhookDeliveries(ctxFor(db, undefined, start))))
  while ((await collectWebhookDeliveries(ctxFor(db, undefined, start))) > 0);
  const { items } = await listWebhookDeliveries(ctx, webhookId, deliveryListQuery.parse({}))
  expect(items.map(({ event }) => event)).toEqual(['team.created', 'team.created', 'team.created'])
  const page = await listWebhookDeliveries(ctx, webhookId, deliveryListQuery.parse({ limit: '2' }))
  const rest = await listWebhookDeliveries(ctx, webhookId, deliveryListQuery.parse({ limit: '2', before: page.next! }))
  expect([...page.items, ...rest.items].map(({ id }) => id)).toEqual(items.map(({ id }) => id))
  expect(rest.next).toBeNull()
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
