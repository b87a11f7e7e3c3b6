import { expect } from 'vitest'
import { makeAgent, sessionToken, startUpstream } from '#lib/dev/test/broker.ts'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'

dbTest(
  'a broker that is stopped while its database answers nothing leaves in its log what it could not record',
  { timeout: 180_000 },
  async ({ db, databaseUrl }) => {
    const upstream = await startUpstream()
    const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
    await db.mcpServer.create({ data: { id: 'erp', name: 'ERP', url: upstream.url, ...rest } })
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'erp', class: 'read' })
    const proxy = await startTcpProxy(databaseUrl)
    const broker = await startBrokerProcess({ databaseUrl: proxy.url, env: { WHEELHOUSE_GRACE_MS: '2000' } })
    const token = await sessionToken(db, broker.url, agent)
    const call = (tool: string) => postCall({ broker }, { token, tool, serverId: 'erp' })
    await until(async () => (await call('look')).text.includes('looked at'))
    const began = upstream.slowBegan()
    const slow = call('slow').catch(() => null)
    await began
    proxy.freeze()
    await broker.stop()
    await slow
    const rows = broker
      .output()
      .split('\n')
      .filter((line) => line.includes('"auditRow"'))
    expect(
      rows.map((line) => JSON.parse((JSON.parse(line) as { auditRow: string }).auditRow) as object),
    ).toContainEqual(expect.objectContaining({ event: 'mcp.call_allowed', agentId: agent.agentId, tool: 'slow' }))
    await proxy.stop()
    await upstream.stop()
  },
)
