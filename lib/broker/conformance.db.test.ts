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
  const fixtures = {
    both: await startFixture(),
    modern: await startFixture({ only: 'modern' }),
    legacy: await startFixture({ only: 'legacy' }),
  }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries(fixtures))
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  // Calls that the suite leaves waiting for an answer end by themselves, before the broker is stopped.
  const limits = { agentCallsPerSecond: 0, serverCallsPerSecond: 0, askDeadlineMs: 20_000 }
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  const { agentId, ...agent } = await makeAgent(db)
  for (const serverId of Object.keys(fixtures)) {
    await until(async () => (await db.mcpTool.count({ where: { serverId } })) > 0)
    await makeGrant(db, { agentId, serverId, class: 'write' })
    for (const method of namedMethods) {
      await makeGrant(db, { agentId, serverId, class: 'read', toolName: methodPrefix + method })
    }
  }
  const token = await sessionToken(db, broker.url, { agentId, ...agent })
  const relayTo = (serverId: keyof typeof fixtures) => startRelay(broker.url, { serverId, token: () => token })
  const relays = { both: await relayTo('both'), modern: await relayTo('modern'), legacy: await relayTo('legacy') }
  onCleanup(async () => {
    for (const relay of Object.values(relays)) await relay.stop()
    await broker.stop()
    for (const fixture of Object.values(fixtures)) await fixture.stop()
  })
  return {
    direct: fixtures.both.url,
    brokered: relays.both.url,
    translated: { '2025-11-25': relays.modern.url, '2026-07-28': relays.legacy.url },
  }
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
    // Extensions and what is only reported do not count for the exit code: they have to pass all the same, those of tasks without a warning.
    const failed = direct.checks.filter((line) => line.includes(': FAILURE '))
    expect(failed).toEqual([])
    const doubtful = direct.checks.filter((line) => line.startsWith('tasks-') && !/: (?:SUCCESS|SKIPPED) /.test(line))
    expect(doubtful).toEqual([])
    const tasks = direct.checks.filter((line) => line.startsWith('tasks-') && line.includes(': SUCCESS '))
    expect(tasks.length).toBeGreaterThanOrEqual(revision === '2026-07-28' ? 40 : 0)
  },
)

/** What a server of 2025-11-25 cannot be made to say: it has no names for what it asks, and no code for a client that offers too little (it fails in words of its own). */
const unsaid = [
  'sep-2322-elicitation-incomplete',
  'sep-2575-missing-capability-http-400',
  'sep-2575-server-rejects-undeclared-capability',
]

test.for([
  { revision: '2025-11-25', missing: [] },
  { revision: '2026-07-28', missing: unsaid },
] as const)(
  'what $revision requires of a server is there of one that speaks the other revision only, with the broker in front of it',
  { timeout: 240_000 },
  async ({ revision, missing }, { world }) => {
    const { exitCode, checks } = await runConformance(world.translated[revision], revision)
    // The extension of tasks has another form in each revision: it is tested for itself.
    const failed = checks.filter((line) => line.includes(': FAILURE ') && !line.startsWith('tasks-'))
    expect(failed.map((line) => String(/ \/ (\S+) /.exec(line)?.[1])).toSorted()).toEqual([...missing])
    expect(exitCode).toBe(missing.length === 0 ? 0 : 1)
    expect(checks.filter((line) => line.includes(': SUCCESS ')).length).toBeGreaterThan(60)
  },
)
