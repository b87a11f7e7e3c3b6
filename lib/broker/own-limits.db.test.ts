import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl } from '#lib/dev/test/broker.ts'
import { agentSession, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startSizedServer } from './testing/sized-server.ts'
import { startBroker } from './testing/start-broker.ts'

dbTest('a server and an agent have limits of their own, that count within a second', async ({ db, databaseUrl }) => {
  const { http, url } = await startSizedServer()
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'own', name: 'own', url, ...rest } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 3)
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'own', class: 'read' })
  const client = await agentSession(db, { broker }, { agent, serverId: 'own' })
  const ruleOf = async (name: string, args: Record<string, unknown> = {}) => {
    const answer = await client.callTool({ name, arguments: args })
    return (answer._meta?.['wheelhouse/denial'] as { rule: string } | undefined)?.rule ?? 'allowed'
  }
  const { keeper } = broker.broker
  const own = async (data: Parameters<typeof db.mcpServer.update>[0]['data']) => {
    await db.mcpServer.update({ where: { id: 'own' }, data })
    await keeper.refresh()
  }
  expect(await ruleOf('long', { count: 1000 })).toBe('allowed')
  await own({ resultBytesMax: 500, resultDepthMax: 5 })
  expect(await ruleOf('long', { count: 1000 })).toBe('result_too_large')
  expect(await ruleOf('deep', { count: 8 })).toBe('result_too_deep')
  await own({ resultBytesMax: null, resultDepthMax: null, callDeadlineSeconds: 1 })
  expect(await ruleOf('slow')).toBe('upstream_deadline')
  await own({ callDeadlineSeconds: null, callsPerSecond: 1 })
  const rules = await Promise.all(Array.from({ length: 20 }, () => ruleOf('long', { count: 1 })))
  expect(rules.filter((rule) => rule === 'rate_limited').length).toBeGreaterThanOrEqual(2)
  await own({ callsPerSecond: null })
  await db.agent.update({ where: { id: agent.agentId }, data: { callsPerSecond: 1 } })
  await until(() => keeper.view.agents.get(agent.agentId)?.callsPerSecond === 1)
  const slowed = await Promise.all(Array.from({ length: 20 }, () => ruleOf('long', { count: 1 })))
  expect(slowed.filter((rule) => rule === 'rate_limited').length).toBeGreaterThanOrEqual(2)
  await client.close()
  await broker.stop()
  http.close()
})
