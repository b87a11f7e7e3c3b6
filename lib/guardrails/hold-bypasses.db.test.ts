import { expect } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import type { BypassedHold } from '#lib/audit/events.ts'
import { inTx } from '#lib/auth/ctx.ts'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { endHoldRule } from '#lib/dev/test/two-people.ts'
import { auditOf, ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { createHoldRule, endHoldBypass, endHoldBypasses, openHoldBypass } from './commands.ts'
import { holdRulesSql } from './queries/facts-sql.ts'
import { listHoldBypasses } from './queries/hold-bypasses.ts'
import { createHoldRuleInput, type HoldRuleFacts } from './schema/held-calls.ts'
import { bypassCallsMax, bypassCallsText, openHoldBypassInput } from './schema/hold-bypasses.ts'

const now = new Date('2026-11-22T10:00:00Z')
const later = (minutes: number) => new Date(now.getTime() + minutes * 60_000)
const reason = 'Everybody who may decide is on the same plane.'

async function world(db: Db, rule: object = {}) {
  const serverId = await makeServer(db)
  const security = await makePerson(db, { roles: ['security'] })
  const input = { title: 'Changes wait', serverId, class: 'write', deciderRoles: ['security'], ...rule }
  const { ruleId } = await createHoldRule(ctxFor(db, security, now), createHoldRuleInput.parse(input))
  const person = async (role: Role, teamIds: string[] = []) =>
    ctxFor(db, await makePerson(db, { roles: [role], teamIds }), now)
  const open = (ctx: Awaited<ReturnType<typeof person>>, changes: object = {}) =>
    openHoldBypass(ctx, openHoldBypassInput.parse({ ruleId, reason, ...changes }))
  const list = async (ctx: Awaited<ReturnType<typeof person>>, state: 'in_force' | 'all' = 'in_force') =>
    (await listHoldBypasses(ctx, { state })).filter(({ rule }) => rule.id === ruleId)
  return { ruleId, person, open, list }
}

dbTest('security and whoever is on call bypass a rule for an hour, and nobody else does', async ({ db }) => {
  const { ruleId, person, open, list } = await world(db)
  for (const role of ['builder', 'team_lead', 'finance', 'platform_admin'] as const) {
    await expect(open(await person(role))).rejects.toMatchObject({ details: { permission: 'holds:bypass' } })
    await expect(endHoldBypass(await person(role), { bypassId: crypto.randomUUID() })).rejects.toMatchObject({
      code: 'forbidden',
    })
  }
  const team = await makeTeam(db)
  const onCall = await person('on_call', [team])
  const { id: own } = await makeAgent(db, { accountablePersonId: onCall.actor.id })
  expect(await open(onCall)).toMatchObject({ ok: true, value: { expiresAt: later(60).toISOString() } })
  expect(await list(onCall)).toMatchObject([
    { rule: { id: ruleId, title: 'Changes wait' }, agent: null, reason, openedBy: { id: onCall.actor.id }, calls: 0 },
  ])
  const [, opened] = await auditOf(db, ruleId)
  expect(opened).toMatchObject({
    event: 'hold_bypass.opened',
    detail: { reason, exceptTeamIds: [team], exceptAgentIds: [own] },
  })
  for (const wrong of [{ minutes: 481 }, { minutes: 0 }, { reason: 'short' }]) {
    expect(openHoldBypassInput.safeParse({ ruleId, reason, ...wrong }).success).toBe(false)
  }
  await expect(open(onCall, { ruleId: crypto.randomUUID() })).rejects.toMatchObject({ code: 'not_found' })
  await expect(open(onCall, { agentId: 'nobody' })).rejects.toMatchObject({ code: 'not_found' })
})

dbTest('nobody bypasses for the agents they answer for, nor what destroys on production', async ({ db }) => {
  const { person, open, ruleId } = await world(db)
  const security = await person('security')
  const { id: agentId, teamId } = await makeAgent(db)
  const ruleOf = async (attempt: ReturnType<typeof open>) => {
    const outcome = await attempt
    return outcome.ok ? 'opened' : outcome.error.rule
  }
  expect(await ruleOf(open(await person('security', [teamId]), { agentId }))).toBe('approvals:bypass_own_team')
  await db.agent.update({ where: { id: agentId }, data: { accountablePersonId: security.actor.id } })
  expect(await ruleOf(open(security, { agentId }))).toBe('approvals:bypass_own_agent')
  expect((await auditOf(db, ruleId)).filter(({ event }) => event === 'hold_bypass.refused')).toMatchObject([
    { rule: 'approvals:bypass_own_team', detail: { message: expect.stringMatching(/^Your team /) } },
    { rule: 'approvals:bypass_own_agent', detail: { message: expect.stringMatching(/^You are accountable /) } },
  ])
  for (const rule of [
    { class: 'destructive', environment: 'production', serverId: null },
    { class: 'destructive', serverId: await makeServer(db, { environment: 'production' }) },
    { class: null, serverId: await makeServer(db, { environment: 'production' }), toolName: 'wipe' },
  ]) {
    const production = await world(db, rule)
    expect(await ruleOf(production.open(security))).toBe('approvals:bypass_destructive')
  }
})

dbTest('of two who bypass or end the same at once one does, and the other is told', async ({ db }) => {
  const { person, open, ruleId, list } = await world(db)
  const [one, other] = [await person('security'), await person('on_call')]
  const outcomes = await Promise.all([open(one), open(other)])
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
  expect(outcomes.find(({ ok }) => !ok)).toMatchObject({ error: { rule: 'approvals:bypass_in_force' } })
  const [bypass] = await list(one)
  const ends = await Promise.all([one, other].map((ctx) => endHoldBypass(ctx, { bypassId: bypass!.id })))
  expect(ends.filter(({ ended }) => ended)).toHaveLength(1)
  expect(await list(one)).toEqual([])
  expect((await auditOf(db, ruleId)).filter(({ event }) => event === 'hold_bypass.ended')).toMatchObject([
    { detail: { how: 'person' } },
  ])
  expect(await open(one)).toMatchObject({ ok: true })
})

dbTest('it ends by itself to the second, with its rule, and is told once', async ({ db }) => {
  const { person, open, ruleId, list } = await world(db)
  const security = await person('security')
  await open(security, { minutes: 1 })
  const at = (ms: number) => ({ ...security, now: new Date(later(1).getTime() + ms) })
  expect(await list(at(-1))).toHaveLength(1)
  expect(await endHoldBypasses(ctxFor(db, undefined, at(-1).now))).toBe(0)
  expect(await list(at(0))).toEqual([])
  const ended = await Promise.all([0, 1].map(() => endHoldBypasses(ctxFor(db, undefined, at(5000).now))))
  expect(ended.toSorted((a, b) => a - b)).toEqual([0, 1])
  const [row] = await list(at(0), 'all')
  expect(row).toMatchObject({ inForce: false, endedAt: later(1).toISOString(), endedBy: null })
  // It had lasted a minute of the eight hours.
  expect(await open(at(0), { minutes: 480 })).toMatchObject({ error: { rule: 'approvals:bypass_used_up' } })
  expect(await open(at(0), { minutes: 479 })).toMatchObject({ ok: true })
  await endHoldRule(at(1), { ruleId, reason: 'No longer wanted.' })
  const ends = (await auditOf(db, ruleId)).filter(({ event }) => event === 'hold_bypass.ended')
  expect(ends).toMatchObject([{ detail: { how: 'time' } }, { detail: { how: 'rule_removed' } }])
  await expect(open(at(2))).rejects.toMatchObject({ code: 'not_found' })
  await expect(endHoldBypass(security, { bypassId: crypto.randomUUID() })).rejects.toMatchObject({ code: 'not_found' })
})

dbTest('one person bypasses a rule for eight hours within a day, and then it takes another one', async ({ db }) => {
  const { person, open, ruleId } = await world(db)
  const [security, onCall] = [await person('security'), await person('on_call')]
  const at = (ctx: typeof security, minutes: number) => ({ ...ctx, now: later(minutes) })
  const used = { ok: false, error: { rule: 'approvals:bypass_used_up' } }
  expect(await open(security, { minutes: 420 })).toMatchObject({ ok: true })
  // To the second at which it ends, for one agent as for all.
  const { id: agentId } = await makeAgent(db)
  expect(await open(at(security, 420), { minutes: 61, agentId })).toMatchObject(used)
  expect(await open(at(security, 420), { minutes: 61 })).toMatchObject({
    error: { message: expect.stringContaining('so 60 minutes are left') },
  })
  expect((await auditOf(db, ruleId)).filter(({ event }) => event === 'hold_bypass.refused')).toHaveLength(2)
  const both = await Promise.all([1, 2].map(() => open(at(security, 420), { minutes: 60 })))
  expect(both.filter(({ ok }) => ok)).toHaveLength(1)
  expect(await open(at(security, 480), { minutes: 1 })).toMatchObject(used)
  expect(await open(at(onCall, 480), { minutes: 480 })).toMatchObject({ ok: true })
  expect(await open(at(security, 960), { minutes: 1 })).toMatchObject(used)
  expect(await open(at(security, 24 * 60), { minutes: 480 })).toMatchObject({ ok: true })
})

dbTest('what counts is how long it was open, and agents bypassed at the same time count once', async ({ db }) => {
  const { person, open } = await world(db)
  const security = await person('security')
  const at = (minutes: number) => ({ ...security, now: later(minutes) })
  for (const agent of [await makeAgent(db), await makeAgent(db)]) {
    const opened = await open(security, { minutes: 480, agentId: agent.id })
    if (!opened.ok) throw new Error('It was not opened.')
    await endHoldBypass(at(30), { bypassId: opened.value.bypassId })
  }
  expect(await open(at(60), { minutes: 451 })).toMatchObject({ error: { rule: 'approvals:bypass_used_up' } })
  expect(await open(at(60), { minutes: 450 })).toMatchObject({ ok: true })
})

dbTest(
  'calls are counted where somebody looks at them, each bypass that one needed, and no further',
  async ({ db }) => {
    const { person, open, list } = await world(db)
    const security = await person('security')
    const [one, other] = [await open(security), await (await world(db)).open(security)]
    if (!one.ok || !other.ok) throw new Error('They were not opened.')
    const [first, second] = [one.value.bypassId, other.value.bypassId]
    const counts = async () =>
      Object.fromEntries((await listHoldBypasses(security)).map(({ id, calls }) => [id, calls])) as Record<
        string,
        number
      >
    const agent = { kind: 'agent', id: 'caller', name: 'Caller' } as const
    const call = (count: number, bypassed: BypassedHold) =>
      inTx(ctxFor(db, agent, now), async (tx, ctx) => {
        for (let made = 0; made < count; made += 1) {
          recordAudit(tx, ctx, {
            event: 'mcp.call_allowed',
            subject: { kind: 'tool', id: 'erp/change', name: 'change' },
            detail: { argumentsDigest: 'd', class: 'write', outcome: 'ok', ms: 1, bypassed },
          })
        }
      })
    const rule = 'a rule'
    await call(2, { rule, bypass: first })
    await call(3, { rule, bypass: first, also: [{ rule, bypass: second }] })
    expect(await counts()).toMatchObject({ [first]: 5, [second]: 3 })
    await call(bypassCallsMax, { rule, bypass: first })
    expect(await counts()).toMatchObject({ [first]: bypassCallsMax, [second]: 3 })
    expect(bypassCallsText(bypassCallsMax)).toBe('1,000 or more')
    const banner = await listHoldBypasses(security, { limit: 1 }, { counted: false })
    expect(banner).toMatchObject([{ calls: null }])
    expect(await list(security)).toHaveLength(1)
  },
)

dbTest(
  'a bypass is as good as its opener is now: not for agents that become theirs, and over once they may not',
  async ({ db }) => {
    const { person, open, ruleId, list } = await world(db)
    const asked = async () => {
      const rules = await db.$queryRawUnsafe<HoldRuleFacts[]>(holdRulesSql.text)
      return rules.find(({ id }) => id === ruleId)?.bypasses ?? []
    }
    const before = await makeTeam(db)
    const opener = await person('on_call', [before])
    await open(opener)
    expect(await asked()).toMatchObject([{ exceptTeamIds: [before, before], exceptAgentIds: [] }])
    const noted = async () => db.policyChange.count({ where: { kind: 'hold' } })
    let notes = await noted()
    const follows = async () => {
      const now = await noted()
      expect(now).toBeGreaterThan(notes)
      notes = now
    }
    const joined = await makeTeam(db)
    await db.teamMember.create({ data: { teamId: joined, personId: opener.actor.id } })
    await follows()
    await db.teamMember.deleteMany({ where: { teamId: before, personId: opener.actor.id } })
    const { id: agentId } = await makeAgent(db)
    await db.agent.update({ where: { id: agentId }, data: { accountablePersonId: opener.actor.id } })
    await follows()
    expect(await asked()).toMatchObject([{ exceptTeamIds: [before, joined], exceptAgentIds: [agentId] }])

    const system = ctxFor(db, undefined, later(1))
    expect(await endHoldBypasses(system)).toBe(0)
    await db.personRole.deleteMany({ where: { personId: opener.actor.id } })
    await follows()
    expect(await asked()).toEqual([])
    expect(await endHoldBypasses(system)).toBe(1)
    expect(await list(opener)).toEqual([])
    const security = await person('security')
    await open(security)
    expect(await asked()).toHaveLength(1)
    await db.person.update({ where: { id: security.actor.id }, data: { active: false } })
    await follows()
    expect(await asked()).toEqual([])
    expect(await endHoldBypasses(system)).toBe(1)
    const ends = (await auditOf(db, ruleId)).filter(({ event }) => event === 'hold_bypass.ended')
    expect(ends).toMatchObject([{ detail: { how: 'opener_left' } }, { detail: { how: 'opener_left' } }])
  },
)
