import { expect } from 'vitest'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { startChild } from '#lib/dev/test/child.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { recordCalls, situationFor } from '#lib/dev/test/recorded-calls.ts'
import { runPolicyReplay, startPolicyReplay } from './commands.ts'
import { getPolicyReplay } from './queries.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db }) => {
  for (let at = 0; at < 6; at += 1) {
    const agent = `agent-${at}`
    await recordCalls(db, { facts: situationFor(agent), calls: 2 + at })
    await recordCalls(db, { facts: situationFor(agent, { simulated: true }), calls: 1, rule: 'policy_then' })
    await recordCalls(db, { facts: situationFor(agent), calls: 1, unnamed: true })
    await recordCalls(db, { facts: situationFor(agent), calls: 1, rule: 'grant_missing', unnamed: true })
    // The same again later: a situation is in several parts of the log.
    await recordCalls(db, { facts: situationFor('agent-0'), calls: 1 })
  }
  const policy = forbids(
    'policy_some',
    'principal == Wheelhouse::Agent::"agent-1" || principal in Wheelhouse::Team::"finance"',
  )
  const { number } = await enforcePolicies(db, [permitsGranted, policy])
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const whole = await reportOf(db, ctx, await uninterrupted(db, ctx, number))
  return { number, ctx, whole }
})

async function uninterrupted(db: Db, ctx: Ctx, number: number): Promise<string> {
  const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
  await runPolicyReplay(ctxFor(db), { replayId })
  return replayId
}

/** All that a report says of the calls, and every difference that is kept. */
async function reportOf(db: Db, ctx: Ctx, replayId: string) {
  const { figures, against, byAgent, byTool, byPolicy, says, state } = await getPolicyReplay(ctx, replayId)
  const kept = await db.policyReplayDifference.findMany({
    where: { replayId },
    omit: { replayId: true, attempt: true },
    orderBy: { position: 'asc' },
  })
  // Times are those of the calls recorded between two replays of one test: none.
  return { figures, against, byAgent, byTool, byPolicy, says, state, kept }
}

const killed = {
  'while it reads the log': (row: { doneSeq: bigint; afterSeq: bigint; upToSeq: bigint }) =>
    row.doneSeq > row.afterSeq && row.doneSeq < row.upToSeq,
  'while it judges': (row: { checkpoint: unknown }) =>
    typeof (row.checkpoint as { judged?: unknown } | null)?.judged === 'string',
}

test.for(Object.keys(killed) as (keyof typeof killed)[])(
  'a replay whose process is killed %s goes on from there, and its report is that of one that was not',
  { timeout: 180_000 },
  async (when, { db, databaseUrl, world }) => {
    const { number, ctx, whole } = world
    const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
    const row = () => db.policyReplay.findUniqueOrThrow({ where: { id: replayId } })
    const child = await startChild({
      entry: 'lib/dev/test/replay-process.ts',
      env: { DATABASE_URL: databaseUrl, REPLAY: replayId },
      ready: async () => killed[when](await row()),
    })
    await child.kill()
    const left = await row()
    expect({ state: left.state, inTheMiddle: killed[when](left) }).toEqual({ state: 'running', inTheMiddle: true })

    const read: bigint[] = []
    await runPolicyReplay({ ...ctxFor(db), db: watched(db, read) }, { replayId, parts: { rows: 4, groups: 2 } })
    expect(read.every((doneSeq) => doneSeq > left.doneSeq || doneSeq === left.upToSeq)).toBe(true)
    const report = await reportOf(db, ctx, replayId)
    expect(report).toEqual(whole)
    expect(report.figures!.blocked.calls).toBeGreaterThan(0)
    expect(await row()).toMatchObject({ attempt: 2, checkpoint: null })
    expect(await db.policyReplayGroup.count({ where: { replayId } })).toBe(0)
  },
)

test('what a release with other policies or another form noted is not gone on with: it begins anew', async ({
  db,
  world: { number, ctx, whole },
}) => {
  const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
  const { upToSeq } = await db.policyReplay.update({
    where: { id: replayId },
    data: { state: 'running', attempt: 1, checkpoint: { asked: 'another', doneSeq: '1' } },
  })
  await db.policyReplay.update({ where: { id: replayId }, data: { doneSeq: upToSeq } })
  await runPolicyReplay(ctxFor(db), { replayId })
  expect(await reportOf(db, ctx, replayId)).toEqual(whole)
})

/** Notes how far the replay is said to be. */
function watched(db: Db, read: bigint[]): Db {
  const updateMany = async (args: { data: { doneSeq: bigint } }) => {
    read.push(args.data.doneSeq)
    return await (db.policyReplay.updateMany as (args: unknown) => Promise<unknown>)(args)
  }
  const policyReplay = new Proxy(db.policyReplay, {
    get: (target, name) => (name === 'updateMany' ? updateMany : (Reflect.get(target, name) as unknown)),
  })
  return new Proxy(db, {
    get: (target, name) => (name === 'policyReplay' ? policyReplay : (Reflect.get(target, name) as unknown)),
  })
}
