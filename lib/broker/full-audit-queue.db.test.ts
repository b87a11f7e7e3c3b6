import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { brokerWorld, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startBroker } from './testing/start-broker.ts'

const limits = { auditQueueMax: 3, auditWaitMs: 60_000 }

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const start: typeof startBroker = (options) => startBroker({ ...options, limits })
  const world = await brokerWorld({ db, databaseUrl, startBroker: start })
  onCleanup(() => world.stop())
  return world
})

test('when as many records wait as may, a call is refused, and what has happened is kept and recorded', async ({
  db,
  world,
  onTestFinished,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const token = await sessionToken(db, world.broker.url, agent)
  expect((await postCall(world, { token })).status).toBe(200)
  const { calls } = world.upstreams.modern
  const before = calls.length
  const unready = async () => (await (await fetch(`${world.broker.url}/readyz`)).json()) as { reasons: string[] }
  const isFull = async () => (await unready()).reasons.includes('audit_unavailable')
  const held = await holdHead(db)
  onTestFinished(held.release)
  const answers = [postCall(world, { token })]
  await until(() => isWriting(db))
  expect(await isFull()).toBe(false)
  answers.push(...[1, 2, 3].map(() => postCall(world, { token })))
  await until(isFull)
  const refused = await postCall(world, { token })
  expect([refused.status, refused.json.error?.data?.['rule']]).toEqual([503, 'audit_unavailable'])
  expect(calls.length).toBe(before + 4)
  held.release()
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(await db.auditEvent.count({ where: { agentId: agent.agentId, event: 'mcp.call_allowed' } })).toBe(5)
  expect((await postCall(world, { token })).status).toBe(200)
})

/** Keeps everybody else from writing the audit log. */
async function holdHead(db: Db): Promise<{ release(): void }> {
  const held = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const hold = db.$transaction(
    async (tx) => {
      await tx.$queryRaw`select 1 from "AuditHead" for update`
      held.resolve()
      await released.promise
    },
    { timeout: 90_000 },
  )
  hold.catch(held.reject)
  await held.promise
  return { release: released.resolve }
}

/** The broker's next batch is on its way, and waits. */
async function isWriting(db: Db): Promise<boolean> {
  const waiting = await db.$queryRaw<unknown[]>`
    select 1 from pg_stat_activity
    where application_name = 'wheelhouse-broker-audit' and wait_event_type = 'Lock' and datname = current_database()`
  return waiting.length > 0
}
