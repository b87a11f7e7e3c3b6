import { expect } from 'vitest'
import { anonymous, type Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { recordCalls, situationFor } from '#lib/dev/test/recorded-calls.ts'
import {
  cancelPolicyReplay,
  forgetPolicyReplays,
  runPolicyReplay,
  startPolicyReplay,
  startTextReplay,
} from './commands.ts'
import { getPolicyReplay, getPolicySet, listPolicyReplays, listReplayedCalls, trialReports } from './queries.ts'

const forbidsLow = forbids('policy_low', 'principal.tier == "low" && resource.class == "read"')

/** Calls of three agents: of one that the new policy is about, of one that it is not, and of one whose record names nothing. */
async function recorded(db: Db) {
  const id = crypto.randomUUID().slice(0, 8)
  const [low, high, old] = [`low-${id}`, `high-${id}`, `old-${id}`]
  const highFacts = situationFor(high, { agent: { id: high, team: 'finance', tier: 'high', template: null } })
  await recordCalls(db, { facts: situationFor(low), calls: 5 })
  await recordCalls(db, { facts: situationFor(low, { simulated: true }), calls: 2 })
  await recordCalls(db, { facts: highFacts, calls: 4 })
  await recordCalls(db, { facts: highFacts, calls: 3, rule: 'policy_then' })
  await recordCalls(db, { facts: situationFor(old), calls: 6, unnamed: true })
  await recordCalls(db, { facts: situationFor(old), calls: 1, rule: 'grant_missing', unnamed: true })
  return { low, high, old }
}

async function security(db: Db): Promise<Ctx> {
  return ctxFor(db, await makePerson(db, { roles: ['security'], name: 'Sam' }))
}

async function replayed(db: Db, number: number, since = '1h') {
  const ctx = await security(db)
  const { replayId } = await startPolicyReplay(ctx, { number, since })
  await runPolicyReplay(ctxFor(db), { replayId })
  return { ctx, replayId, report: await getPolicyReplay(ctx, replayId) }
}

dbTest('says what a set would have blocked and allowed, of which agents, tools and policies', async ({ db }) => {
  const { low, high } = await recorded(db)
  const { number, version } = await enforcePolicies(db, [permitsGranted, forbidsLow])
  const { report, replayId } = await replayed(db, number)
  expect(report).toMatchObject({
    set: { number, version },
    outdated: false,
    state: 'done',
    progress: 1,
    requestedBy: 'Sam',
    figures: {
      calls: 21,
      judged: 14,
      unjudged: 6,
      untouched: 1,
      blocked: { calls: 7, agents: 1 },
      permitted: { calls: 3, agents: 1 },
      unreproduced: 0,
    },
    against: [{ version: 'then', number: null, calls: 14 }],
    byAgent: [
      { agentId: low, name: null, blocked: 7, permitted: 0 },
      { agentId: high, name: null, blocked: 0, permitted: 3 },
    ],
    byTool: [{ serverId: 'erp', tool: 'get_order', blocked: 7, permitted: 3 }],
    byPolicy: [
      { rule: 'policy_low', title: 'Title of policy_low', blocked: 7, permitted: 0 },
      { rule: 'policy_then', blocked: 0, permitted: 3 },
    ],
  })
  const { trial } = await getPolicySet(await security(db), number)
  expect(trial).toMatchObject({ outcome: 'tried', replay: { calls: 21, judged: 14 }, logOnly: null })
  expect(report.says.slice(0, 2)).toEqual([
    'Would have blocked 7 of 14 calls, by 1 agent.',
    'Would have allowed 3 calls that were refused, by 1 agent.',
  ])
  expect(report.says[2]).toMatch(/^6 of 21 calls \(28.6 %\) cannot be replayed/)
  expect(await auditOf(db, replayId)).toMatchObject([
    { event: 'policy_replay.started', detail: { number, version } },
    {
      event: 'policy_replay.ended',
      detail: { number, outcome: 'done', figures: { calls: 21, judged: 14, blocked: 7, permitted: 3 } },
    },
  ])
})

dbTest('a replay is reported in the form of log-only, each difference with its last call', async ({ db }) => {
  const { low, high } = await recorded(db)
  const { number } = await enforcePolicies(db, [permitsGranted, forbidsLow])
  const ctx = await security(db)
  expect(await trialReports(ctx, number)).toMatchObject({ replay: null, logOnly: null })
  const { replayId, report } = await replayed(db, number)
  const { replay, logOnly } = await trialReports(ctx, number)
  expect(logOnly).toBeNull()
  const { judged, unjudged, blocked, permitted } = report.figures!
  expect(replay).toMatchObject({ by: 'replay', replayId, calls: judged + unjudged, judged, blocked, permitted })
  expect(replay!.says.slice(0, 2)).toEqual(report.says.slice(0, 2))
  const rowOf = (agentId: string) => replay!.rows.find((row) => row.agentId === agentId)
  expect(rowOf(low)).toMatchObject({ kind: 'blocked', rule: 'policy_low', refusedBy: null, calls: 7 })
  expect(rowOf(high)).toMatchObject({ kind: 'permitted', rule: 'policy_then', refusedBy: 'policy_then', calls: 3 })
  for (const [agent, kind] of [
    [low, 'blocked'],
    [high, 'permitted'],
  ] as const) {
    const [last] = (await listReplayedCalls(ctx, { replayId, kind, agent, limit: 1 })).items
    expect(rowOf(agent)).toMatchObject({ lastDecision: last!.id, lastAt: last!.at })
  }
})

dbTest('every call of a difference can be opened, a page at a time, by agent, tool and policy', async ({ db }) => {
  const { low, high } = await recorded(db)
  const { number } = await enforcePolicies(db, [permitsGranted, forbidsLow])
  const { ctx, replayId } = await replayed(db, number)
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await listReplayedCalls(ctx, { replayId, agent: low, limit: 3, ...(cursor ? { cursor } : {}) })
    seen.push(...page.items.map(({ id }) => id))
    expect(page.items.every((call) => call.agentId === low && call.decision === 'allow')).toBe(true)
    cursor = page.nextCursor ?? undefined
  } while (cursor)
  expect(new Set(seen).size).toBe(7)
  const events = await db.auditEvent.findMany({ where: { id: { in: seen } }, orderBy: { seq: 'desc' } })
  expect(events.map(({ id }) => id)).toEqual(seen)
  expect(events.every(({ event, agentId }) => event === 'mcp.call_allowed' && agentId === low)).toBe(true)
  const of = async (query: object) => (await listReplayedCalls(ctx, { replayId, ...query })).items.length
  expect(await of({ kind: 'permitted', agent: high })).toBe(3)
  expect(await of({ kind: 'permitted', rule: 'policy_then', tool: 'get_order', server: 'erp', agent: high })).toBe(3)
  expect(await of({ rule: 'policy_then' })).toBe(0)
  expect(await of({ tool: 'nothing' })).toBe(0)
  await expect(listReplayedCalls(ctx, { replayId, cursor: 'x' })).rejects.toThrow(/nextCursor/)
  await expect(listReplayedCalls(ctx, { replayId: crypto.randomUUID() })).rejects.toMatchObject({ code: 'not_found' })
})

dbTest('looks back as far as it is asked and no further, and not at what is recorded while it runs', async ({ db }) => {
  const agent = `range-${crypto.randomUUID().slice(0, 8)}`
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  const { number } = await enforcePolicies(db, [permitsGranted, forbidsLow])
  await recordCalls(db, { facts: situationFor(agent), calls: 2, at: ago(59) })
  await recordCalls(db, { facts: situationFor(agent), calls: 4, at: ago(61) })
  const ctx = await security(db)
  const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
  await recordCalls(db, { facts: situationFor(agent), calls: 8 })
  await runPolicyReplay(ctxFor(db), { replayId })
  const { byAgent } = await getPolicyReplay(ctx, replayId)
  expect(byAgent.find(({ agentId }) => agentId === agent)?.blocked).toBe(2)
  const longer = await replayed(db, number, '2h')
  expect(longer.report.byAgent.find(({ agentId }) => agentId === agent)?.blocked).toBe(14)
  expect((await listReplayedCalls(ctx, { replayId, agent })).items).toHaveLength(2)
})

dbTest('a policy that asks for the hour is told that of each call', async ({ db }) => {
  const agent = `hours-${crypto.randomUUID().slice(0, 8)}`
  const now = Date.now()
  const hours = [1, 2, 3].map((back) => new Date(now - back * 3_600_000))
  for (const at of hours) await recordCalls(db, { facts: situationFor(agent), calls: 5, at })
  const refused = hours[1]!.getUTCHours()
  const weekday = hours[1]!.getUTCDay() || 7
  const atNight = `context.hour == ${refused} && context.weekday == ${weekday}`
  const { number } = await enforcePolicies(db, [permitsGranted, forbids('policy_hour', atNight)])
  const { ctx, replayId, report } = await replayed(db, number, '24h')
  expect(report.byAgent.find(({ agentId }) => agentId === agent)).toMatchObject({ blocked: 5 })
  const { items } = await listReplayedCalls(ctx, { replayId, agent })
  expect(items.map(({ at }) => at)).toEqual(Array.from({ length: 5 }, () => hours[1]!.toISOString()))
})

dbTest('of two who ask at once for the same set one begins, and the other is told', async ({ db }) => {
  const { number } = await enforcePolicies(db, [permitsGranted])
  const other = await enforcePolicies(db, [permitsGranted])
  const [one, two] = [await security(db), await security(db)]
  const input = { number, since: '1h' }
  const outcomes = await Promise.allSettled([startPolicyReplay(one, input), startPolicyReplay(two, input)])
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  const refused = outcomes.find((outcome) => outcome.status === 'rejected')
  const begun = outcomes.find((outcome) => outcome.status === 'fulfilled')!.value.replayId
  expect(refused?.reason).toMatchObject({ code: 'conflict', details: { replayId: begun } })
  await expect(startPolicyReplay(one, { ...input, number: other.number })).resolves.toHaveProperty('replayId')
  await cancelPolicyReplay(two, { replayId: begun })
  await expect(startPolicyReplay(two, input)).resolves.toHaveProperty('replayId')
})

dbTest('cancelled, it writes nothing more, whether it waits or runs', async ({ db }) => {
  await recorded(db)
  const { number } = await enforcePolicies(db, [permitsGranted, forbidsLow])
  const ctx = await security(db)
  const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
  // It is cancelled after the worker took it up: at its next step it finds that out.
  const running = runPolicyReplay(
    { ...ctxFor(db), db: afterTakingUp(db, () => cancelPolicyReplay(ctx, { replayId })) },
    { replayId },
  )
  await running
  const report = await getPolicyReplay(ctx, replayId)
  expect(report).toMatchObject({ state: 'cancelled', figures: null, says: [], byAgent: [] })
  expect(await db.policyReplayDifference.count({ where: { replayId } })).toBe(0)
  await runPolicyReplay(ctxFor(db), { replayId })
  expect((await getPolicyReplay(ctx, replayId)).state).toBe('cancelled')
  expect((await auditOf(db, replayId)).at(-1)).toMatchObject({ detail: { outcome: 'cancelled' } })
  await expect(cancelPolicyReplay(ctx, { replayId })).rejects.toMatchObject({ code: 'conflict' })
})

dbTest(
  'a worker that was given up and comes back late does not write over the one that took its place',
  async ({ db }) => {
    await recorded(db)
    const { number } = await enforcePolicies(db, [permitsGranted, forbidsLow])
    const ctx = await security(db)
    const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
    await runPolicyReplay(
      { ...ctxFor(db), db: afterTakingUp(db, () => runPolicyReplay(ctxFor(db), { replayId })) },
      { replayId },
    )
    expect((await getPolicyReplay(ctx, replayId)).state).toBe('done')
    const ended = (await auditOf(db, replayId)).filter(({ event }) => event === 'policy_replay.ended')
    expect(ended).toHaveLength(1)
    expect(await db.policyReplay.findUniqueOrThrow({ where: { id: replayId } })).toMatchObject({ attempt: 2 })
  },
)

dbTest('what fails is tried again, and has failed with its reason after the last try', async ({ db }) => {
  const { number } = await enforcePolicies(db, [permitsGranted])
  const ctx = await security(db)
  await db.policySet.update({ where: { number }, data: { state: 'draft', enforcedAt: null } })
  const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
  await db.policySet.update({ where: { number }, data: { version: 'other' } })
  await expect(runPolicyReplay(ctxFor(db), { replayId })).rejects.toThrow(/changed meanwhile/)
  expect(await getPolicyReplay(ctx, replayId)).toMatchObject({ state: 'running', outdated: true })
  await expect(runPolicyReplay(ctxFor(db), { replayId, last: true })).rejects.toThrow(/changed meanwhile/)
  const report = await getPolicyReplay(ctx, replayId)
  expect(report).toMatchObject({ state: 'failed', error: expect.stringMatching(/replay it again/) as string })
  expect((await auditOf(db, replayId)).at(-1)).toMatchObject({ detail: { outcome: 'failed' } })
})

dbTest('policies that are not saved are replayed as they are, one replay of a text at a time', async ({ db }) => {
  const { low } = await recorded(db)
  const ctx = await security(db)
  const input = { text: `// As in a file.\n${permitsGranted}\n\n${forbidsLow}\n`, since: '1h' }
  const outcomes = await Promise.allSettled([startTextReplay(ctx, input), startTextReplay(ctx, input)])
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  const { replayId } = outcomes.find((outcome) => outcome.status === 'fulfilled')!.value
  await startTextReplay(ctx, { text: permitsGranted, since: '1h' })
  await runPolicyReplay(ctxFor(db), { replayId })
  const report = await getPolicyReplay(ctx, replayId)
  expect(report).toMatchObject({ set: { number: null }, outdated: false, state: 'done', figures: { unreproduced: 0 } })
  expect(report.byAgent.find(({ agentId }) => agentId === low)).toMatchObject({ blocked: 7 })
  expect(await db.policySet.count({ where: { version: report.set.version } })).toBe(0)
  expect(await auditOf(db, replayId)).toMatchObject([{ detail: { number: null } }, { detail: { outcome: 'done' } }])
  await expect(startTextReplay(ctx, { ...input, text: `${permitsGranted}\nforbid` })).rejects.toMatchObject({
    code: 'invalid',
    details: { field: 'text', line: 6 },
  })
})

dbTest('a set that does not type-check is not replayed', async ({ db }) => {
  const { number } = await enforcePolicies(db, ['permit (principal, action, resource);'])
  await expect(startPolicyReplay(await security(db), { number, since: '1h' })).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringMatching(/is not valid/) as string,
  })
})

dbTest('replays are listed by set, newest first, and old ones are forgotten', async ({ db }) => {
  const { number } = await enforcePolicies(db, [permitsGranted])
  const ids: string[] = []
  for (let count = 0; count < 3; count += 1) ids.unshift((await replayed(db, number)).replayId)
  const ctx = await security(db)
  const first = await listPolicyReplays(ctx, { number, limit: 2 })
  expect(first.items.map(({ id }) => id)).toEqual(ids.slice(0, 2))
  const rest = await listPolicyReplays(ctx, { number, limit: 2, cursor: first.nextCursor! })
  expect([rest.items.map(({ id }) => id), rest.nextCursor]).toEqual([ids.slice(2), null])
  const later = new Date(Date.now() + 91 * 86_400_000)
  const [kept] = ids
  await db.policyReplay.update({ where: { id: kept! }, data: { endedAt: later } })
  expect(await forgetPolicyReplays(ctxFor(db, undefined, later))).toBeGreaterThanOrEqual(2)
  expect((await listPolicyReplays(ctx, { number })).items.map(({ id }) => id)).toEqual([kept])
})

dbTest(
  'who may not manage policies starts and cancels nothing, and who may not read the log reads no report',
  async ({ db }) => {
    const { number } = await enforcePolicies(db, [permitsGranted])
    const { replayId } = await replayed(db, number)
    const forbidden = { code: 'forbidden' }
    const lead = ctxFor(db, await makePerson(db, { roles: ['team_lead'] }))
    await expect(startPolicyReplay(lead, { number, since: '1h' })).rejects.toMatchObject(forbidden)
    await expect(startTextReplay(lead, { text: permitsGranted, since: '1h' })).rejects.toMatchObject(forbidden)
    await expect(cancelPolicyReplay(lead, { replayId })).rejects.toMatchObject(forbidden)
    await expect(runPolicyReplay(lead, { replayId })).rejects.toMatchObject(forbidden)
    await expect(forgetPolicyReplays(lead)).rejects.toMatchObject(forbidden)
    const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
    await expect(getPolicyReplay(builder, replayId)).rejects.toMatchObject(forbidden)
    await expect(listPolicyReplays(builder, { number })).rejects.toMatchObject(forbidden)
    await expect(listReplayedCalls(builder, { replayId })).rejects.toMatchObject(forbidden)
    await expect(getPolicyReplay(ctxFor(db, anonymous), replayId)).rejects.toMatchObject({ code: 'unauthenticated' })
  },
)

/** The database, where something else happens as soon as the replay was taken up. */
function afterTakingUp(db: Db, meanwhile: () => Promise<unknown>): Db {
  let taken = false
  return new Proxy(db, {
    get(target, name) {
      if (name !== 'policySet' || taken) return Reflect.get(target, name) as unknown
      taken = true
      return {
        async findUniqueOrThrow(...args: unknown[]) {
          await meanwhile()
          return await (target.policySet.findUniqueOrThrow as (...args: unknown[]) => Promise<unknown>)(...args)
        },
      }
    },
  })
}
