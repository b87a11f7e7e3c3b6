import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { makeAgent, sessionToken, startUpstream } from '#lib/dev/test/broker.ts'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { startLoad } from '#lib/dev/test/call-load.ts'
import { compareLogs, nothingMissing } from '#lib/dev/test/call-logs.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'

const kills = 3

dbTest(
  'a broker killed again and again under load: what was answered is in the log, and so is the intent of every change',
  { timeout: 300_000 },
  async ({ db, databaseUrl }) => {
    const upstream = await startUpstream()
    const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
    await db.mcpServer.create({ data: { id: 'erp', name: 'ERP', url: upstream.url, ...rest } })
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'erp', class: 'write' })
    const port = await freePort()
    let broker = await startBrokerProcess({ databaseUrl, port })
    const token = await sessionToken(db, broker.url, agent)
    await until(async () => (await db.mcpTool.count()) === 5, 30_000)
    const load = startLoad({ url: broker.url, token: () => token, serverId: 'erp', users: 8 })
    try {
      for (let times = 0; times < kills; times += 1) {
        const answered = load.acknowledged.length
        await until(() => load.acknowledged.length > answered + 40, 30_000)
        // Not always at the same point of a call's way.
        await new Promise((resolve) => setTimeout(resolve, 13 * times))
        await broker.kill()
        broker = await startBrokerProcess({ databaseUrl, port })
      }
      const answered = load.acknowledged.length
      await until(() => load.acknowledged.length > answered + 40, 30_000)
    } finally {
      await load.stop()
      expect(await broker.stop()).toBe(0)
      await upstream.stop()
    }
    const logs = await compareLogs(db, { agentId: agent.agentId, load, upstream })
    expect(logs.missing).toEqual(nothingMissing)
    expect(logs.acknowledged).toBeGreaterThan(40 * kills)
    // Only calls that were under way when it was killed can lack their end: as many as there are agents, each time.
    expect(logs.executedWithoutEnd.length).toBeLessThanOrEqual(8 * kills)
  },
)
