import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { permissions as allPermissions } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { recordCalls, situationFor } from '#lib/dev/test/recorded-calls.ts'
import { startCli } from '#lib/dev/test/run-cli.ts'
import { runPolicyReplay } from '#lib/guardrails/commands.ts'
import type { PolicyReplayReport, ReplayedCalls } from '#lib/guardrails/schema/replays.ts'

/** The command line as its own process, with a worker beside it that does nothing but replays. */
const test = dbTest.extend('wheelhouse', { scope: 'file' }, async ({ database, db }, { onCleanup }) => {
  const portal = await (await openApiPortal(database)).listen()
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-test-'))
  const person = await makePerson(db, { roles: ['security'] })
  const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
  const env = { WHEELHOUSE_URL: portal.url, WHEELHOUSE_TOKEN: token }
  const working = new AbortController()
  const worker = replayQueued(db, working.signal)
  onCleanup(async () => {
    working.abort()
    await worker
    await portal.close()
    await rm(home, { recursive: true, force: true })
  })
  const run = (...args: string[]) => startCli(['policy-sets', ...args], { home, env }).ended
  return { run, home }
})

const blocking = [permitsGranted, forbids('policy_reads', 'resource.class == "read"')]

// Generous: each command is a process.
test('a pipeline hears what a set and what files would block', { timeout: 120_000 }, async ({ db, wheelhouse }) => {
  const { run, home } = wheelhouse
  const agent = 'pipeline-agent'
  await recordCalls(db, { facts: situationFor(agent), calls: 3 })
  const { number } = await enforcePolicies(db, blocking)
  const waited = await run('replay', String(number), '--since', '1h', '--wait')
  expect(waited).toMatchObject({ code: 0, err: '' })
  expect(waited.out).toContain('Would have blocked 3 of 3 calls, by 1 agent.')
  expect(waited.out).toMatch(/policy_reads +Title of policy_reads +3 +0/)
  const failing = await run('replay', String(number), '--since', '1h', '--fail-if-blocking', '--json')
  expect(failing.code).toBe(1)
  const report = JSON.parse(failing.out) as PolicyReplayReport
  expect(report).toMatchObject({ state: 'done', byAgent: [{ agentId: agent, blocked: 3 }] })
  const listed = await run('replayed-calls', report.id, '--agent', agent, '--json')
  expect(listed).toMatchObject({ code: 0, err: '' })
  const calls = JSON.parse(listed.out) as ReplayedCalls
  expect(calls.items).toHaveLength(3)
  expect((await run('replayed-calls', report.id, '--permitted')).out).toContain('There is no such call')
  expect((await run('report', report.id)).out).toContain('Would have blocked 3')
  expect((await run('replays', String(number))).out).toContain(report.id)
  expect(await run('cancel-replay', report.id)).toMatchObject({
    code: 1,
    err: expect.stringContaining('has ended') as string,
  })
  await writeFile(join(home, 'good.cedar'), permitsGranted)
  const good = await run('replay', '-f', join(home, 'good.cedar'), '--since', '1h', '--fail-if-blocking')
  expect(good).toMatchObject({ code: 0, out: expect.stringContaining('blocked none of 3 calls') as string })
  await writeFile(join(home, 'bad.cedar'), `${permitsGranted}\nforbid`)
  const bad = await run('replay', '-f', join(home, 'bad.cedar'))
  expect(bad).toMatchObject({ code: 1, err: expect.stringContaining('Line ') as string })
  expect(await run('replay')).toMatchObject({ code: 2 })
  expect(await run('replay', '3', '-f', 'x')).toMatchObject({ code: 2 })
  expect(await run('replay', String(number), '--since', '91d')).toMatchObject({ code: 1 })
})

async function replayQueued(db: Db, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const queued = await db.policyReplay.findMany({ where: { state: 'queued' }, select: { id: true } })
    for (const { id } of queued) await runPolicyReplay(ctxFor(db), { replayId: id })
    await sleep(100)
  }
}
