import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { brokerWorld, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import type { Db } from '#lib/db/client.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startBroker, type TestBroker } from './testing/start-broker.ts'

const kibibyte = 1024
const limits = { agentRequestBytesMax: 400 * kibibyte, requestsBytesMax: 700 * kibibyte }

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const start: typeof startBroker = (options) => startBroker({ ...options, limits })
  const world = await brokerWorld({ db, databaseUrl, startBroker: start })
  onCleanup(() => world.stop())
  return world
})

/** Sends all of a request but its last byte, and what it takes to send that. */
async function caller(db: Db, { broker }: { broker: TestBroker }) {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  await broker.broker.keeper.refresh()
  const token = await sessionToken(db, broker.url, agent)
  const { hostname, port } = new URL(broker.url)
  const say = (kibibytes: number) => {
    const filler = 'x'.repeat(kibibytes * kibibyte)
    const params = { name: 'look', arguments: {}, _meta: { filler } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const head =
      `POST /mcp/modern HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${token}\r\n` +
      `content-type: application/json\r\naccept: application/json, text/event-stream\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n`
    return { head, body }
  }
  const begin = async (kibibytes: number) => {
    const { head, body } = say(kibibytes)
    const socket: Socket = connect({ host: hostname, port: Number(port) })
    let answer = ''
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    socket.write(head)
    await new Promise((resolve) => socket.write(body.slice(0, -1), resolve))
    const answered = async () => {
      await until(() => answer.includes('"jsonrpc"') || socket.destroyed)
      return answer
    }
    return { answered, finish: () => socket.write(body.slice(-1)), leave: () => socket.destroy() }
  }
  /** Sends whole requests until one is answered so. */
  const untilAnswered = async (kibibytes: number, status: string) => {
    let last = ''
    await until(async () => {
      const sent = await begin(kibibytes)
      sent.finish()
      last = await sent.answered()
      sent.leave()
      sent.leave()
      return last.includes(status)
    })
    return last
  }
  /** Reads nothing before all is said; what was answered by the time the connection is closed. */
  const sayAll = async (kibibytes: number) => {
    const { head, body } = say(kibibytes)
    const socket = connect({ host: hostname, port: Number(port) }).pause()
    let answer = ''
    let isSaid = false
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    socket.write(head + body, () => (isSaid = true))
    try {
      await until(() => isSaid, 20_000)
      socket.resume()
      await until(() => socket.closed, 20_000)
      return answer
    } finally {
      socket.destroy()
    }
  }
  return { ...agent, begin, sayAll, until: untilAnswered }
}

test('bodies that are still arriving are so long together and no longer, of an agent and in all, and count no more when they are answered or broken off', async ({
  db,
  world,
}) => {
  const [one, other, third] = [await caller(db, world), await caller(db, world), await caller(db, world)]
  const first = await one.begin(300)
  const held = (kibibytes: number) => until(() => world.broker.broker.requestBytes > kibibytes * kibibyte)
  await held(299)
  const refused = await one.until(250, ' 429 ')
  expect(refused).toMatch(/"rule":"calls_at_once"/)
  expect(refused).toMatch(/has \d+ bytes of requests under way at this broker, of the 409600 that may be/)
  const where = { agentId: one.agentId, event: 'mcp.caller_refused', rule: 'calls_at_once' }
  await until(async () => (await db.auditEvent.count({ where })) > 0)
  const second = await other.begin(350)
  await held(649)
  expect(await third.until(250, ' 503 ')).toMatch(/of the 716800 that may be/)
  second.leave()
  await third.until(250, ' 200 ')
  first.finish()
  expect(await first.answered()).toMatch(/ 200 [^]*"content"/)
  first.leave()
  await until(() => world.broker.broker.requestBytes === 0)
  for (const agent of [one, other, third]) await agent.until(390, ' 200 ')
})

test.for([
  { kibibytes: 2000, status: 429, rule: 'calls_at_once' },
  { kibibytes: 6000, status: 413, rule: 'request_too_large' },
])(
  'who says all of $kibibytes KiB before it reads is told $status, and the connection is closed',
  async ({ kibibytes, status, rule }, { db, world }) => {
    const { sayAll } = await caller(db, world)
    const answer = await sayAll(kibibytes)
    expect(answer).toContain(` ${status} `)
    expect(answer).toMatch(/^connection: close\r$/im)
    expect(answer).toContain(`"rule":"${rule}"`)
    await until(() => world.broker.broker.requestBytes === 0)
  },
)
