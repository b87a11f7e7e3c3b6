import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { askMethods, methodPrefix } from '#lib/registry/schema.ts'
import { startFixture } from '../testing/fixture/server.ts'
import { startBroker } from '../testing/start-broker.ts'

dbTest(
  'a call that may not wait for answers is refused by its rule, on record, and leaves no session at its server',
  async ({ db, databaseUrl, onTestFinished }) => {
    const fixture = await startFixture({ only: 'legacy' })
    const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
    await db.mcpServer.create({ data: { id: 'legacy', name: 'Legacy', url: fixture.url, ...about } })
    const limits = { agentStreamsMax: 0 }
    const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
    onTestFinished(async () => {
      await broker.stop()
      await fixture.stop()
    })
    await until(async () => (await db.mcpTool.count()) > 0)
    const agent = await makeAgent(db)
    const names = [undefined, ...askMethods.map((method) => methodPrefix + method)]
    for (const toolName of names)
      await makeGrant(db, { agentId: agent.agentId, serverId: 'legacy', ...(toolName ? { toolName } : {}) })
    await broker.broker.keeper.refresh()
    const client = new Client(
      { name: 'test-agent', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } }, capabilities: { elicitation: {} } },
    )
    client.setRequestHandler('elicitation/create', () => ({ action: 'decline' }))
    const requestInit = { headers: { authorization: `Bearer ${await sessionToken(db, broker.url, agent)}` } }
    await client.connect(new StreamableHTTPClientTransport(new URL(`${broker.url}/mcp/legacy`), { requestInit }))
    const [sessions, greetings] = [fixture.sessions(), greetingsOf(fixture)]
    const call = await client.callTool({ name: 'test_streaming_elicitation', arguments: {} })
    expect(call).toMatchObject({ isError: true, _meta: { 'wheelhouse/denial': { rule: 'rate_limited' } } })
    const where = { event: 'mcp.call_allowed', tool: 'test_streaming_elicitation' }
    const { rule, detail } = await db.auditEvent.findFirstOrThrow({ where })
    expect({ rule, detail }).toMatchObject({ rule: 'rate_limited', detail: { outcome: 'aborted', sent: false } })
    expect(greetingsOf(fixture)).toBe(greetings + 1)
    await until(async () => fixture.sessions() === sessions)
    await client.close()
  },
)

function greetingsOf({ received }: { received: string[] }): number {
  return received.filter((method) => method === 'initialize').length
}
