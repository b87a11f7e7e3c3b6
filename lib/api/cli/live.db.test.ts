import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { startCli } from '#lib/dev/test/run-cli.ts'

const liveTest = dbTest
  .extend('portal', { scope: 'file' }, ({ database }) => openApiPortal(database))
  .extend('home', async ({}, { onCleanup }) => {
    const home = await mkdtemp(join(tmpdir(), 'wheelhouse-cli-'))
    onCleanup(() => rm(home, { recursive: true, force: true }))
    return home
  })
  .extend('token', { scope: 'file' }, async ({ database: { db } }) => {
    const person = await makePerson(db, { roles: ['team_lead'] })
    return await makeToken(db, { personId: person.id, permissions: ['runs:read', 'audit:read'] })
  })

liveTest(
  'a run is followed over a lost connection, without a line twice or missing',
  async ({ db, portal, home, token }) => {
    const { runId, say, end } = await openRun(db)
    const first = await portal.listen()
    await say('one')
    const cli = startCli(['runs', 'tail', runId], { home, env: { WHEELHOUSE_URL: first.url, WHEELHOUSE_TOKEN: token } })
    await until(() => cli.run.out.includes('one'))
    await first.close()
    await until(() => cli.run.err.includes('Trying again'))
    await say('two')
    const second = await portal.listen({ port: first.port })
    await until(() => cli.run.out.includes('two'))
    await say('three')
    await end('succeeded')
    const { code, out } = await cli.ended
    await second.close()
    expect(out.match(/one|two|three/g)).toEqual(['one', 'two', 'three'])
    expect(out).toMatch(/Run succeeded: 0 calls, 0 escalations, \$0\.00\. The model was simulated\.\n$/)
    expect(code).toBe(0)
  },
)

liveTest(
  'a run that fails is exit code 1, and each event a line of JSON if wanted',
  async ({ db, portal, home, token }) => {
    const { runId, say, end } = await openRun(db)
    await say('only')
    await end('failed')
    const server = await portal.listen()
    const env = { WHEELHOUSE_URL: server.url, WHEELHOUSE_TOKEN: token }
    const { code, out } = await startCli(['runs', 'tail', runId, '--json'], { home, env }).ended
    await server.close()
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; data: { state?: string } })
    expect(events.map(({ event }) => event)).toEqual(['log', 'run'])
    expect(events.at(-1)?.data.state).toBe('failed')
    expect(code).toBe(1)
  },
)

liveTest('the audit log is followed as it grows', async ({ db, portal, home, token }) => {
  const server = await portal.listen()
  const env = { WHEELHOUSE_URL: server.url, WHEELHOUSE_TOKEN: token }
  const cli = startCli(['audit', 'tail', '--follow', '--json', '--event', 'token.created'], { home, env })
  await sleep(1500)
  const person = await makePerson(db, { roles: ['team_lead'] })
  const own = await makeToken(db, { personId: person.id, permissions: ['tokens:own'] })
  const body = { name: 'seen', permissions: ['tokens:own'], days: 1 }
  await portal.fetch('/api/v1/tokens', { method: 'POST', body, token: own })
  await until(() => cli.run.out.includes('\n'))
  cli.kill()
  await cli.ended
  await server.close()
  expect(JSON.parse(cli.run.out.trim())).toMatchObject({ event: 'token.created', actor: { id: person.id } })
})

async function openRun(db: Db) {
  const { id: agentId } = await makeAgent(db)
  const { id: runId } = await db.run.create({
    data: { agentId, agentVersion: 1, trigger: 'manual', state: 'running', input: 'Begin.', simulated: true },
  })
  let seq = 0
  return {
    runId,
    async say(text: string) {
      seq += 1
      await db.runEvent.create({ data: { runId, seq, at: new Date(), kind: 'note', payload: { text } } })
    },
    async end(state: 'succeeded' | 'failed') {
      await db.run.update({ where: { id: runId }, data: { state, endedAt: new Date() } })
    },
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('It did not happen within 10 s.')
    await sleep(25)
  }
}
