import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { createLog } from '#lib/log/log.ts'
import {
  collectWebhookDeliveries,
  createSender,
  createWebhook,
  createWebhookDispatcher,
} from '#lib/webhooks/commands.ts'
import { listWebhookDeliveries } from '#lib/webhooks/queries.ts'
import { createWebhookInput, deliveryListQuery } from '#lib/webhooks/schema.ts'
import { dbTest } from './db-test.ts'
import { ctxFor, makePerson } from './fleet.ts'

export type Received = { headers: Record<string, string>; body: string }

export const secretBox = createSecretBox(Buffer.alloc(32, 7).toString('base64'))
export const privateHosts = ['127.0.0.1']
export const means = { secretBox, privateHosts }
export const start = new Date('2026-11-25T12:00:00Z')

export const test = dbTest
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

export const log = createLog({ process: 'test', level: 'silent' })

/** What a worker does at a time: sends what is due until nothing is. */
export async function work(
  ctx: Ctx,
  parts: Pick<Parameters<typeof createWebhookDispatcher>[0], 'sender' | 'secretBox'>,
) {
  for (let begun = 1; begun > 0;) {
    const dispatcher = createWebhookDispatcher({ ctx: () => ctx, log, ...parts })
    begun = await dispatcher.round()
    await dispatcher.stop()
  }
}

export async function admin(db: Db, now = start) {
  return ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now)
}

/** An endpoint that is told of one family, and something of that family that happens. */
export async function tell(db: Db, url: string, events = ['team.*']) {
  const ctx = await admin(db)
  const made = await createWebhook(ctx, createWebhookInput.parse({ url, events }), means)
  await happen(db, 'one')
  await collectWebhookDeliveries(ctxFor(db, undefined, start))
  const [delivery] = (await listWebhookDeliveries(ctx, made.webhookId, deliveryListQuery.parse({}))).items
  return { ctx, ...made, deliveryId: delivery?.id ?? '' }
}

export async function happen(db: Db, id: string): Promise<void> {
  await inTx(ctxFor(db, undefined, start), async (tx, ctx) => {
    const subject = { kind: 'team', id, name: id }
    recordAudit(tx, ctx, { event: 'team.created', subject, detail: { costCenter: null } })
    recordAudit(tx, ctx, { event: 'agent.activated', subject: { ...subject, kind: 'agent' }, detail: {} })
  })
}
