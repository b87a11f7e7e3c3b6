import { expect } from 'vitest'
import { auditRow } from '#lib/audit/commands.ts'
import { anonymous, type Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { recordCalls, situationFor } from '#lib/dev/test/recorded-calls.ts'
import { runPolicyReplay, startPolicyReplay } from './commands.ts'
import { getPolicyReplay, listReplayedCalls } from './queries.ts'

const forbidsLow = forbids('policy_low', 'principal.tier == "low" && resource.class == "read"')

/** Calls of two agents that differ: seven that were allowed, and three that were refused. */
async function recorded(db: Db) {
  const id = crypto.randomUUID().slice(0, 8)
  const [low, high] = [`low-${id}`, `high-${id}`]
  const highFacts = situationFor(high, { agent: { id: high, team: 'finance', tier: 'high', template: null } })
  await recordCalls(db, { facts: situationFor(low), calls: 5 })
  await recordCalls(db, { facts: situationFor(low, { simulated: true }), calls: 2 })
  await recordCalls(db, { facts: highFacts, calls: 3, rule: 'policy_then' })
  return { low }
}

async function security(db: Db): Promise<Ctx> {
  return ctxFor(db, await makePerson(db, { roles: ['security'] }))
}

async function replayed(db: Db, number: number) {
  const ctx = await security(db)
  const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
  await runPolicyReplay(ctxFor(db), { replayId })
  return { report: await getPolicyReplay(ctx, replayId) }
}

dbTest('what a try has found and could not end is in no report, and the next try replaces it', async ({ db }) => {
  const { low } = await recorded(db)
  const { number } = await enforcePolicies(db, [permitsGranted, forbidsLow])
  const ctx = await security(db)
  const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
  const rows = () => db.policyReplayDifference.groupBy({ by: ['attempt'], where: { replayId }, _count: true })
  const interrupted = { ...ctxFor(db), db: failingOnceFound(db, replayId) }
  await expect(runPolicyReplay(interrupted, { replayId })).rejects.toThrow('The connection is gone.')
  expect(await rows()).toMatchObject([{ attempt: 1 }])
  expect(await getPolicyReplay(ctx, replayId)).toMatchObject({ state: 'running', figures: null, byAgent: [] })
  expect((await listReplayedCalls(ctx, { replayId, agent: low })).items).toEqual([])
  await runPolicyReplay(ctxFor(db), { replayId })
  const { byAgent } = await getPolicyReplay(ctx, replayId)
  expect(byAgent.find(({ agentId }) => agentId === low)).toMatchObject({ blocked: 7 })
  expect((await listReplayedCalls(ctx, { replayId, agent: low })).items).toHaveLength(7)
  expect(await rows()).toMatchObject([{ attempt: 2 }])
  expect(await db.policyReplayGroup.count({ where: { replayId } })).toBe(0)
})

dbTest('of what differs so much is kept and no more, and the report says what it leaves out', async ({ db }) => {
  await recorded(db)
  const { number } = await enforcePolicies(db, [permitsGranted, forbidsLow])
  const whole = (await replayed(db, number)).report.figures!
  expect(whole.leftOut).toEqual({ differences: 0, calls: 0 })
  const ctx = await security(db)
  const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
  await runPolicyReplay(ctxFor(db), { replayId, keptMax: 1 })
  const { figures, says } = await getPolicyReplay(ctx, replayId)
  const [kept, ...more] = await db.policyReplayDifference.findMany({ where: { replayId } })
  expect(more).toEqual([])
  const { blocked, permitted, leftOut } = figures!
  expect({ blocked, permitted }).toEqual({ blocked: whole.blocked, permitted: whole.permitted })
  expect(leftOut.calls).toBe(blocked.calls + permitted.calls - kept!.calls)
  expect(says.at(-1)).toMatch(/^More differs than a report keeps/)
})

dbTest(
  'only a caller that no agent is known for is a stranger; an agent that is stopped was refused',
  async ({ db }) => {
    const { number } = await enforcePolicies(db, [permitsGranted])
    const before = (await replayed(db, number)).report.figures!
    const agentId = `stopped-${crypto.randomUUID().slice(0, 8)}`
    const refused = (rule: string, count: number, agent: string | null) =>
      auditRow(
        { actor: agent === null ? anonymous : { kind: 'agent', id: agent, name: agent }, now: new Date() },
        {
          event: 'mcp.caller_refused',
          subject: { kind: 'agent', id: agent ?? '127.0.0.1', name: agent ?? '127.0.0.1' },
          ...(agent === null ? {} : { agentId: agent }),
          decision: 'deny',
          rule,
          detail: { reason: 'Refused.', count },
        },
      )
    const rows = [
      refused('killed', 5, agentId),
      refused('version_mismatch', 2, agentId),
      refused('agent_unknown', 3, 'nobody'),
      refused('token_invalid', 4, null),
    ]
    await db.$queryRaw`select audit_append(${JSON.stringify(rows)}::jsonb)`
    const { figures } = (await replayed(db, number)).report
    expect(figures).toMatchObject({
      calls: before.calls + 7,
      untouched: before.untouched + 7,
      strangers: before.strangers + 7,
    })
  },
)

dbTest('a record of several refused calls counts as so many', async ({ db }) => {
  const { number } = await enforcePolicies(db, [permitsGranted])
  const before = (await replayed(db, number)).report.figures!
  const facts = situationFor(`often-${crypto.randomUUID().slice(0, 8)}`)
  await recordCalls(db, { facts, rule: 'rate_limited', unnamed: true })
  await recordCalls(db, { facts, rule: 'rate_limited', count: 40, unnamed: true })
  const { figures } = (await replayed(db, number)).report
  expect(figures).toMatchObject({ calls: before.calls + 41, untouched: before.untouched + 41 })
})

/** The database, until something that differs was written. */
function failingOnceFound(db: Db, replayId: string): Db {
  const updateMany = async (...args: unknown[]) => {
    if ((await db.policyReplayDifference.count({ where: { replayId } })) > 0) throw new Error('The connection is gone.')
    return await (db.policyReplay.updateMany as (...args: unknown[]) => Promise<unknown>)(...args)
  }
  const policyReplay = new Proxy(db.policyReplay, {
    get: (target, name) => (name === 'updateMany' ? updateMany : (Reflect.get(target, name) as unknown)),
  })
  return new Proxy(db, {
    get: (target, name) => (name === 'policyReplay' ? policyReplay : (Reflect.get(target, name) as unknown)),
  })
}
