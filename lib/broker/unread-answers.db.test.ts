import { connect } from 'node:net'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import type { Db } from '#lib/db/client.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startSizedServer } from './testing/sized-server.ts'
import { startBroker } from './testing/start-broker.ts'

const mebibyte = 1024 * 1024
/** More than the buffers of a connection take in. */
const long = 16 * mebibyte

const test = dbTest.extend('server', { scope: 'file' }, async ({ db }, { onCleanup }) => {
  const { http, url } = await startSizedServer()
  onCleanup(() => {
    http.close()
    http.closeAllConnections()
  })
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  // What is judged as a whole is held until then.
  await db.mcpServer.create({ data: { id: 'sized', name: 'Sized', url, blockMarked: true, ...rest } })
  return { url }
})

/** Asks for answers of a length over connections of its own, which it reads only when it is told to. */
async function caller(db: Db, { url }: { url: string }) {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'sized', class: 'read' })
  const token = await sessionToken(db, url, agent)
  const { hostname, port } = new URL(url)
  const ask = (count: number) => {
    const params = { name: 'long', arguments: { count } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const socket = connect({ host: hostname, port: Number(port) }).pause()
    let answer = ''
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    socket.write(
      `POST /mcp/sized HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${token}\r\n` +
        `content-type: application/json\r\naccept: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    return {
      async read() {
        socket.resume()
        await until(() => answer.endsWith('}') || socket.destroyed)
        return answer
      },
      leave: () => void socket.destroy(),
    }
  }
  const status = async (count: number): Promise<string> => {
    const { read, leave } = ask(count)
    const answer = await read()
    leave()
    return answer.slice(0, answer.indexOf('\r\n')) + (/"rule":"\w+"/.exec(answer.slice(0, 4096))?.[0] ?? '')
  }
  return { ...agent, ask, status }
}

test('who does not read its answers may soon ask nothing more, others may, and it is let go after a while', async ({
  db,
  databaseUrl,
  server,
}) => {
  expect(server.url).toBeTruthy()
  const limits = { agentUnreadBytesMax: 4 * mebibyte, answerReadMs: 5000 }
  const port = await freePort()
  const broker = await startBroker({ db, databaseUrl, port, portalUrl, encryptionKey, limits })
  await until(() => broker.broker.keeper.view.servers.get('sized')?.tools.size === 3)
  const [deaf, other] = [await caller(db, broker), await caller(db, broker)]
  await broker.broker.keeper.refresh()
  const unread: ReturnType<typeof deaf.ask>[] = []
  await until(async () => {
    unread.push(deaf.ask(long))
    return / 429 .*"rule":"calls_at_once"/.test(await deaf.status(1))
  })
  expect(await other.status(1)).toContain(' 200 ')
  await until(async () => (await deaf.status(1)).includes(' 200 '))
  // What came of an answer before it was given up is none.
  expect((await unread[0]!.read()).endsWith('}')).toBe(false)
  for (const each of unread) each.leave()
  await broker.stop()
})

test(
  'a broker that is stopped waits for nobody who does not read',
  { timeout: 120_000 },
  async ({ db, databaseUrl, server }) => {
    expect(server.url).toBeTruthy()
    const broker = await startBrokerProcess({ databaseUrl })
    const deaf = await caller(db, broker)
    await until(async () => (await deaf.status(1)).includes(' 200 '))
    const where = { agentId: deaf.agentId, event: 'mcp.call_allowed' }
    const before = await db.auditEvent.count({ where })
    const { leave } = deaf.ask(long)
    await until(async () => (await db.auditEvent.count({ where })) > before)
    expect(await broker.stop()).toBe(0)
    leave()
  },
)
