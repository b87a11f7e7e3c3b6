import { expect } from 'vitest'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import {
  cancelHeldCall,
  createHoldRule,
  decideHeldCall,
  endHeldCalls,
  holdCall,
  lookAtHeldCalls,
  remindOfHeldCalls,
  settleHeldCall,
} from './commands.ts'
import { countWaitingCalls, getHeldCall, listHeldCalls } from './queries/held-calls.ts'
import { beatProcess } from '#lib/registry/commands.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { createHoldRuleInput } from './schema/held-calls.ts'

const now = new Date('2026-11-22T10:00:00Z')
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000)

async function world(db: Db) {
  const { id: agentId, teamId } = await makeAgent(db)
  const serverId = await makeServer(db)
  const call = exactCall({ agentId, serverId })
  const deciderRoles = ['team_lead', 'security']
  const rule = {
    id: null,
    title: 'Changes wait',
    deciderRoles,
    excludedDeciders: [],
    decideSeconds: 60,
    onTimeout: 'deny',
  } as const
  const holdAs = (changes: Partial<typeof call> | { runId: string }, of: object = {}, toolClass: ToolClass = 'write') =>
    holdCall(ctxFor(db, undefined, now), {
      source: 'broker',
      call: { ...call, ...changes },
      class: toolClass,
      rule: { ...rule, ...of },
    })
  const hold = () => holdAs({})
  const person = async (role: Role, teams = [teamId]) =>
    ctxFor(db, await makePerson(db, { roles: [role], teamIds: teams }), now)
  return { agentId, teamId, serverId, call, hold, holdAs, person }
}

dbTest('the same call is held once, also by two at once, and recorded once', async ({ db }) => {
  const { hold, agentId } = await world(db)
  const tickets = await Promise.all([hold(), hold()])
  expect(new Set(tickets.map(({ heldCallId }) => heldCallId)).size).toBe(1)
  expect(await db.auditEvent.count({ where: { agentId, event: 'call.held' } })).toBe(1)
})

dbTest('who decides is told what the tool does, where, and what the agent is for', async ({ db }) => {
  const { hold, serverId, call, agentId, person } = await world(db)
  const { heldCallId } = await hold()
  const security = await person('security')
  await db.mcpServer.update({
    where: { id: serverId },
    data: { sensitivity: 'restricted', dataClasses: ['financial'] },
  })
  await db.mcpTool.updateMany({ where: { serverId, name: call.tool }, data: { description: 'Posts a correction.' } })
  const { purpose } = await db.agent.findUniqueOrThrow({ where: { id: agentId } })
  expect(await getHeldCall(security, heldCallId)).toMatchObject({
    description: 'Posts a correction.',
    server: { sensitivity: 'restricted', dataClasses: ['financial'] },
    agent: { purpose },
  })
  await db.mcpTool.deleteMany({ where: { serverId, name: call.tool } })
  expect(await getHeldCall(security, heldCallId)).toMatchObject({ description: null })
})

dbTest(
  'who may decide: a role of the rule, in the team, not accountable, who has not started the run',
  async ({ db }) => {
    const { holdAs, person, agentId } = await world(db)
    const other = await person('team_lead')
    const run = { agentId, agentVersion: 1, trigger: 'manual', state: 'running', input: '', simulated: false } as const
    const { id: runId } = await db.run.create({ data: { ...run, requestedById: other.actor.id } })
    const { heldCallId } = await holdAs({ runId })
    const approve = { heldCallId, decision: 'approve' } as const
    const ruleOf = async (ctx: Awaited<ReturnType<typeof person>>) => {
      const outcome = await decideHeldCall(ctx, approve)
      return outcome.ok ? 'allowed' : outcome.error.rule
    }
    await expect(decideHeldCall(await person('finance'), approve)).rejects.toMatchObject({ code: 'forbidden' })
    expect(await ruleOf(await person('builder'))).toBe('approvals:role')
    expect(await ruleOf(await person('team_lead', []))).toBe('approvals:own_team')
    const lead = await person('team_lead')
    await db.agent.update({ where: { id: agentId }, data: { accountablePersonId: lead.actor.id } })
    expect(await ruleOf(lead)).toBe('approvals:own_agent')
    expect(await ruleOf(other)).toBe('approvals:own_run')
    expect(await ruleOf({ ...(await person('security')), now: later(60) })).toBe('approvals:expired')
    const refused = await db.auditEvent.findMany({ where: { agentId, event: 'call.decision_refused' } })
    expect(refused.map(({ rule }) => rule)).toContain('approvals:own_agent')
    const security = await person('security')
    expect(await getHeldCall(security, heldCallId)).toMatchObject({ state: 'waiting', decidable: { allowed: true } })
    expect(await ruleOf(security)).toBe('allowed')
    expect(await ruleOf(await person('security'))).toBe('approvals:already_decided')
  },
)

dbTest('a rule excludes more people, and fewer only for what reads', async ({ db }) => {
  const { holdAs, person, agentId, teamId, serverId } = await world(db)
  const outcomeOf = async (ctx: Awaited<ReturnType<typeof person>>, heldCallId: string) => {
    const outcome = await decideHeldCall(ctx, { heldCallId, decision: 'approve' })
    return outcome.ok ? 'allowed' : outcome.error.rule
  }
  const lead = await person('team_lead')
  await db.agent.update({ where: { id: agentId }, data: { accountablePersonId: lead.actor.id } })
  const asked = { excludedDeciders: [] }
  const change = await holdAs({ arguments: { amount: 1 } }, asked)
  expect(await getHeldCall(lead, change.heldCallId)).toMatchObject({ excludedDeciders: ['starter', 'accountable'] })
  expect(await outcomeOf(lead, change.heldCallId)).toBe('approvals:own_agent')
  const look = await holdAs({ arguments: { amount: 2 } }, asked, 'read')
  expect(await outcomeOf(lead, look.heldCallId)).toBe('allowed')
  const strict = await holdAs({ arguments: { amount: 3 } }, { excludedDeciders: ['own_team'] })
  expect(await outcomeOf(await person('security', [teamId]), strict.heldCallId)).toBe('approvals:team_excluded')
  expect(await outcomeOf(await person('security', []), strict.heldCallId)).toBe('allowed')
  const nobody = { title: 'Nobody is left', serverId, deciderRoles: ['team_lead'], excludedDeciders: ['own_team'] }
  await expect(createHoldRule(await person('security'), createHoldRuleInput.parse(nobody))).rejects.toMatchObject({
    code: 'invalid',
    details: { field: 'deciderRoles' },
  })
})

dbTest('an approval is taken once, and only for the call it was given for', async ({ db }) => {
  const { hold, person, call } = await world(db)
  const system = ctxFor(db, undefined, now)
  const { heldCallId } = await hold()
  const settle = (change = {}) => settleHeldCall(system, { heldCallId, call: { ...call, ...change }, by: 'test' })
  await expect(settle()).rejects.toMatchObject({ code: 'conflict' })
  expect(await lookAtHeldCalls(system, [heldCallId])).toEqual([])
  await decideHeldCall(await person('security'), { heldCallId, decision: 'approve' })
  expect(await lookAtHeldCalls(system, [heldCallId])).toEqual([heldCallId])
  const ends = (await Promise.all([settle(), settle()])).map(({ end }) => end)
  expect(ends.toSorted()).toEqual(['altered', 'released'])

  const second = await hold()
  await decideHeldCall(await person('security'), { heldCallId: second.heldCallId, decision: 'approve' })
  const altered = { heldCallId: second.heldCallId, call: { ...call, arguments: { amount: 6 } }, by: 'test' }
  expect(await settleHeldCall(system, altered)).toEqual({ end: 'altered' })
})

dbTest('an approval that nobody takes before it ends is good for nothing', async ({ db }) => {
  const { hold, person, call } = await world(db)
  const { heldCallId } = await hold()
  await decideHeldCall({ ...(await person('security')), now: later(59) }, { heldCallId, decision: 'approve' })
  const settled = await settleHeldCall(ctxFor(db, undefined, later(179)), { heldCallId, call, by: 'test' })
  expect(settled).toEqual({ end: 'expired' })
})

dbTest(
  'calls end by themselves when their time is over, their caller stays away or their run has ended',
  async ({ db }) => {
    const { hold, person, agentId } = await world(db)
    const reader = await person('security')
    // What the tests before have left waiting.
    await db.heldCall.updateMany({ where: { state: 'waiting' }, data: { state: 'cancelled' } })
    const { heldCallId } = await hold()
    expect(await countWaitingCalls(reader)).toBe(1)
    const ended = await Promise.all([
      endHeldCalls(ctxFor(db, undefined, later(60))),
      endHeldCalls(ctxFor(db, undefined, later(60))),
    ])
    expect(ended.toSorted((a, b) => a - b)).toEqual([0, 1])
    expect(await getHeldCall(reader, heldCallId)).toMatchObject({ state: 'expired' })
    await db.heldCall.update({ where: { id: heldCallId }, data: { settledAt: now } })
    const away = await hold()
    await db.heldCall.update({ where: { id: away.heldCallId }, data: { expiresAt: later(9000) } })
    for (let at = 0; at <= 121; at += 1) {
      await beatProcess(ctxFor(db), { process: 'broker', instance: 'one', at: later(at) })
    }
    expect(await endHeldCalls(ctxFor(db, undefined, later(100)))).toBe(0)
    expect(await endHeldCalls(ctxFor(db, undefined, later(121)))).toBe(1)
    expect(await getHeldCall(reader, away.heldCallId)).toMatchObject({ state: 'cancelled' })
    const again = await hold()
    const run = { agentId, agentVersion: 1, trigger: 'manual', state: 'stopped', input: '', simulated: false } as const
    const { id: runId } = await db.run.create({ data: run })
    await db.heldCall.update({ where: { id: again.heldCallId }, data: { runId } })
    expect(await endHeldCalls(ctxFor(db, undefined, later(1)))).toBe(1)
    const list = await listHeldCalls(reader, { agentId, state: 'decided' })
    expect(list.items.map(({ state }) => state)).toEqual(['cancelled', 'cancelled', 'expired'])
  },
)

dbTest('pages of the queue lose no call, also when the last one of a page is decided meanwhile', async ({ db }) => {
  const { call, agentId, person } = await world(db)
  const rule = {
    id: null,
    title: 'Wait',
    deciderRoles: ['security'],
    excludedDeciders: [],
    decideSeconds: 60,
    onTimeout: 'deny',
  } as const
  for (const amount of [1, 2, 3]) {
    const held = { source: 'broker', call: { ...call, arguments: { amount } }, class: 'write', rule } as const
    await holdCall(ctxFor(db, undefined, new Date(now.getTime() + amount)), held)
  }
  const reader = await person('security')
  const page = (cursor?: string) => listHeldCalls(reader, { state: 'waiting', agentId, limit: 1, cursor })
  const first = await page()
  await db.heldCall.update({ where: { id: first.nextCursor! }, data: { state: 'rejected', decidedAt: now } })
  const second = await page(first.nextCursor!)
  expect(second.items).toMatchObject([{ arguments: { amount: 2 } }])
  const third = await page(second.nextCursor!)
  expect(third).toMatchObject({ items: [{ arguments: { amount: 3 } }], nextCursor: null })
  await expect(page(crypto.randomUUID())).rejects.toMatchObject({ code: 'invalid', details: { field: 'cursor' } })
})

dbTest('a verdict that nobody came for answers no later call: that one is asked about anew', async ({ db }) => {
  const { call, person, agentId } = await world(db)
  const rule = {
    id: null,
    title: 'Reads wait',
    deciderRoles: ['security'],
    excludedDeciders: [],
    decideSeconds: 60,
    onTimeout: 'allow',
  } as const
  const holdAt = (seconds: number) =>
    holdCall(ctxFor(db, undefined, later(seconds)), { source: 'broker', call, class: 'read', rule })
  const rejected = await holdAt(0)
  const security = { ...(await person('security')), now: later(5) }
  await decideHeldCall(security, { heldCallId: rejected.heldCallId, decision: 'reject', note: 'Not today.' })
  // Who comes back soon is told what was decided.
  expect(await holdAt(60)).toMatchObject({ heldCallId: rejected.heldCallId, state: 'rejected' })
  const tickets = await Promise.all([holdAt(9000), holdAt(9000)])
  expect(new Set(tickets.map(({ heldCallId }) => heldCallId)).size).toBe(1)
  const [asked] = tickets
  expect(asked).toMatchObject({ state: 'waiting' })
  expect(asked.heldCallId).not.toBe(rejected.heldCallId)

  // Its rule says allow when nobody decides: a later call must not go through with that.
  await endHeldCalls(ctxFor(db, undefined, later(9060)))
  expect(await getHeldCall(security, asked.heldCallId)).toMatchObject({ state: 'expired' })
  const again = await holdAt(90_000)
  expect(again).toMatchObject({ state: 'waiting' })
  // One that still waits because no job ran is not taken up either, and then expired at once.
  const last = await holdAt(900_000)
  expect(last).toMatchObject({ state: 'waiting', expiresAt: later(900_060) })

  const events = await db.auditEvent.findMany({ where: { agentId, event: 'call.settled' }, orderBy: { seq: 'asc' } })
  expect(events.map(({ detail }) => detail)).toMatchObject([
    { heldCallId: rejected.heldCallId, state: 'unclaimed', by: 'nobody' },
    { heldCallId: asked.heldCallId, state: 'unclaimed', by: 'nobody' },
  ])
})

dbTest('what was decided and not fetched is settled by the regular job, by two at once one time', async ({ db }) => {
  const { hold, person, call, agentId } = await world(db)
  const { heldCallId } = await hold()
  await decideHeldCall(await person('security'), { heldCallId, decision: 'approve' })
  const open = async () => (await db.heldCall.findUniqueOrThrow({ where: { id: heldCallId } })).settledAt === null
  await endHeldCalls(ctxFor(db, undefined, later(599)))
  expect(await open()).toBe(true)
  await Promise.all([1, 2].map(() => endHeldCalls(ctxFor(db, undefined, later(601)))))
  expect(await open()).toBe(false)
  expect(await settleHeldCall(ctxFor(db, undefined, later(602)), { heldCallId, call, by: 'test' })).toEqual({
    end: 'altered',
  })
  expect(await db.auditEvent.count({ where: { agentId, event: 'call.settled' } })).toBe(1)
})

dbTest(
  'a call that is cancelled stays so, and only processes of the platform hold, settle and cancel',
  async ({ db }) => {
    const { hold, person, call } = await world(db)
    const { heldCallId } = await hold()
    const system = ctxFor(db, undefined, now)
    const security = await person('security')
    const settle = { heldCallId, call, by: 'test' }
    for (const attempt of [
      () => cancelHeldCall(security, { heldCallId, reason: 'no' }),
      () => settleHeldCall(security, settle),
      () => endHeldCalls(security),
      () => lookAtHeldCalls(security, [heldCallId]),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'forbidden' })
    }
    expect(await cancelHeldCall(system, { heldCallId, reason: 'gone' })).toBe(true)
    expect(await cancelHeldCall(system, { heldCallId, reason: 'gone' })).toBe(false)
    const late = await decideHeldCall(security, { heldCallId, decision: 'reject', note: 'too late' })
    expect(late).toMatchObject({ ok: false, error: { rule: 'approvals:already_decided' } })
    expect(await settleHeldCall(system, settle)).toEqual({ end: 'cancelled' })
  },
)

dbTest(
  'who may decide is told once more before the time of a call that is held long is over, by two workers',
  async ({ db }) => {
    const { holdAs, person, agentId } = await world(db)
    await holdAs({ arguments: { amount: 1 } }, { decideSeconds: 299 })
    const { heldCallId, digest } = await holdAs({ arguments: { amount: 2 } }, { decideSeconds: 400 })
    const decided = await holdAs({ arguments: { amount: 3 } }, { decideSeconds: 400 })
    const approve = { heldCallId: decided.heldCallId, decision: 'approve' } as const
    expect(await decideHeldCall(await person('security'), approve)).toMatchObject({ ok: true })
    const tick = (seconds: number) => remindOfHeldCalls(ctxFor(db, undefined, later(seconds)))
    const told = () => db.auditEvent.findMany({ where: { agentId, event: 'call.reminded' }, select: { detail: true } })
    await tick(299.999)
    expect(await told()).toEqual([])
    await Promise.all([tick(300), tick(300)])
    await tick(399)
    const expiresAt = later(400).toISOString()
    expect(await told()).toEqual([{ detail: { heldCallId, digest, ruleTitle: 'Changes wait', expiresAt } }])
    // It can still be decided: what was noted is no part of what is sealed.
    const late = { ...(await person('security')), now: later(350) }
    expect(await decideHeldCall(late, { heldCallId, decision: 'approve' })).toMatchObject({ ok: true })
    await expect(remindOfHeldCalls(late)).rejects.toMatchObject({ code: 'forbidden' })
  },
)
