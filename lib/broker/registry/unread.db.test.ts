import { connect } from 'node:net'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, portalUrl } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { personWithToken, post } from '../testing/registry-client.ts'
import { startBroker } from '../testing/start-broker.ts'

dbTest(
  'who does not read what the registry answers may soon ask nothing more, until it is let go',
  { timeout: 120_000 },
  async ({ db, databaseUrl }) => {
    const limits = { agentUnreadBytesMax: 64 * 1024 }
    const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
    const tokens = await Promise.all(Array.from({ length: 6 }, async () => (await personWithToken(db)).token))
    const ruleNow = async () => {
      const answer = await post(broker.url, { token: tokens[0]! })
      return [answer.status, /"rule":"(\w+)"/.exec(await answer.text())?.[1] ?? null]
    }
    await until(async () => (await ruleNow())[0] === 200)
    const { hostname, port } = new URL(broker.url)
    const socket = connect({ host: hostname, port: Number(port) }).pause()
    socket.on('error', () => {})
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })
    const ask = (token: string) =>
      socket.write(
        `POST /mcp/registry HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\n` +
          `accept: application/json, text/event-stream\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
    await until(async () => {
      for (const token of tokens) ask(token)
      const [status, rule] = await ruleNow()
      return status === 429 && rule === 'calls_at_once'
    }, 100_000)
    socket.destroy()
    await until(async () => (await ruleNow())[0] === 200)
    expect(
      await db.auditEvent.count({ where: { event: 'mcp.caller_refused', rule: 'calls_at_once' } }),
    ).toBeGreaterThan(0)
    await broker.stop()
  },
)
