import { expect } from 'vitest'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { freePort } from '#lib/dev/ports.ts'
import { methodPrefix, namedMethods } from '#lib/registry/schema.ts'
import { runConformance, startRelay } from './testing/conformance.ts'
import { startFixture } from './testing/fixture/server.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const fixture = await startFixture()
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'fixture', name: 'Fixture', url: fixture.url, ...about } })
  const limits = { agentCallsPerSecond: 0, serverCallsPerSecond: 0 }
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  await until(async () => (await db.mcpTool.count()) > 0)
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'fixture', class: 'write' })
  for (const method of namedMethods) {
    const grant = {
      agentId: agent.agentId,
      serverId: 'fixture',
      class: 'read',
      toolName: methodPrefix + method,
    } as const
    await makeGrant(db, grant)
  }
  const token = await sessionToken(db, broker.url, agent)
  const relay = await startRelay(broker.url, { serverId: 'fixture', token: () => token })
  onCleanup(async () => {
    await relay.stop()
    await broker.stop()
    await fixture.stop()
  })
  return { direct: fixture.url, brokered: relay.url }
})

test.for(['2025-11-25', '2026-07-28'] as const)(
  'the official suite says the same of a server and of the broker in front of it: all that %s requires is there',
  { timeout: 240_000 },
  async (revision, { world }) => {
    const direct = await runConformance(world.direct, revision)
    const brokered = await runConformance(world.brokered, revision)
    expect(brokered.checks).toEqual(direct.checks)
    expect(direct.exitCode).toBe(0)
    expect(brokered.exitCode).toBe(0)
    expect(direct.checks.length).toBeGreaterThan(80)
    // Extensions do not count for the exit code: that of tasks has to pass all the same, but for what the suite itself leaves out.
    const failed = direct.checks.filter((line) => line.startsWith('tasks-') && !/: (?:SUCCESS|SKIPPED) /.test(line))
    expect(failed).toEqual([])
    const tasks = direct.checks.filter((line) => line.startsWith('tasks-') && line.includes(': SUCCESS '))
    expect(tasks.length).toBeGreaterThanOrEqual(revision === '2026-07-28' ? 40 : 0)
  },
)
