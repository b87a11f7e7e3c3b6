import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken, type TestAgent } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { connectTaskClient } from '#lib/dev/test/task-client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { refreshOverBudget } from '#lib/metrics/commands.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { startFixture } from '../testing/fixture/server.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'

const serverId = 'works'

/** A broker in front of a server that has tasks and whose calls cost something. */
const test = dbTest.extend('broker', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const { url, stop } = await startFixture({ only: 'modern' })
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: serverId, name: serverId, url, listUnitPriceMicros: 7000n, ...about } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits: {} })
  onCleanup(async () => {
    await broker.stop()
    await stop()
  })
  await until(async () => (await db.mcpTool.count()) > 0)
  await refreshOverBudget(ctxFor(db))
  return broker
})

/** A client of an agent that may call everything, and go on with it as a task when that is granted. */
async function connect(db: Db, { broker, url }: TestBroker, { tasks }: { tasks: boolean }) {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId, class: 'write' })
  if (tasks) await makeGrant(db, { agentId: agent.agentId, serverId, toolName: `${methodPrefix}tasks` })
  await broker.keeper.refresh()
  const token = await sessionToken(db, url, agent)
  await broker.keeper.refresh()
  return { agent, ...(await connectTaskClient({ url: `${url}/mcp/${serverId}`, token })) }
}

async function costsOf(db: Db, { agentId }: TestAgent) {
  const where = { agentId, event: 'mcp.call_allowed' }
  const rows = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
  return rows.map(({ tool, detail }) => [tool, (detail as { billedCostMicros?: string }).billedCostMicros])
}

test('a task costs its price once, however often its agent asks about it', async ({ db, broker }) => {
  const { agent, session, ask } = await connect(db, broker, { tasks: true })
  const execution = await session.callTool('slow_compute', { seconds: 0.2 })
  await execution.settle()
  const { taskId } = execution.handle!
  await ask('tasks/get', { taskId })
  await ask('tasks/cancel', { taskId })
  const [begun, ...about] = await costsOf(db, agent)
  expect(begun).toEqual(['slow_compute', '7000'])
  expect(about.length).toBeGreaterThan(1)
  expect(about.filter(([, cost]) => cost !== undefined)).toEqual([])
})

test('a call that its server refuses because it needs tasks costs nothing', async ({ db, broker }) => {
  const { agent, ask } = await connect(db, broker, { tasks: false })
  const refused = await ask('tools/call', { name: 'failing_job', arguments: {} })
  expect(refused.result?.['_meta']).toMatchObject({ 'wheelhouse/denial': { rule: 'grant_missing' } })
  expect(await costsOf(db, agent)).toEqual([['failing_job', '0']])
})
