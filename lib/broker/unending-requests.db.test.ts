import { connect } from 'node:net'
import { expect } from 'vitest'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { brokerWorld, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startBroker } from './testing/start-broker.ts'

const limits = { requestHeadMs: 300, requestMs: 900 }

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const start: typeof startBroker = (options) => startBroker({ ...options, limits })
  const world = await brokerWorld({ db, databaseUrl, startBroker: start })
  onCleanup(() => world.stop())
  return world
})

test.for(['head', 'body'])(
  'a request whose %s never ends is ended, and nothing of it is held any more',
  async (part, { db, world, onTestFinished }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
    const token = await sessionToken(db, world.broker.url, agent)
    const { hostname, port } = new URL(world.broker.url)
    const socket = connect({ host: hostname, port: Number(port) })
    onTestFinished(() => void socket.destroy())
    let answer = ''
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    const head =
      `POST /mcp/modern HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${token}\r\n` +
      'content-type: application/json\r\ncontent-length: 100000\r\n'
    socket.write(part === 'head' ? head : `${head}\r\n{"jsonrpc":"2.0",`)
    await until(() => socket.closed)
    expect(answer).toContain(' 408 ')
    await until(() => world.broker.broker.requestBytes === 0)
    // Who says all is served. On a busy machine one may be too slow for such limits.
    await until(async () => (await postCall(world, { token }).catch(() => null))?.status === 200)
  },
)
