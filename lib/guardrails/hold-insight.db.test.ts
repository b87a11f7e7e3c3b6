import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { replaceHoldRule } from '#lib/dev/test/two-people.ts'
import { createHoldRule, removeHoldRule } from './commands.ts'
import { holdRulesSql } from './queries/facts-sql.ts'
import { holdInsight } from './queries/hold-insight.ts'
import { forecastHoldRule, forecastHoldRules } from './queries/hold-forecast.ts'
import { listHoldRules } from './queries/held-calls.ts'
import { createHoldRuleInput } from './schema/held-calls.ts'

const now = new Date('2026-11-22T10:00:00Z')
const ago = (days: number) => new Date(now.getTime() - days * 86_400_000)

type Rows = {
  ruleId: string | null
  agentId: string
  serverId: string
  deciderId: string | null
  state: string
  count: number
  seconds?: number
  tool?: string
  arguments?: object
  /** How long ago the youngest is, in days. */
  daysAgo?: number
}

/** Held calls as they are after their end, `count` of a kind: `$n` in an argument counts them. */
async function heldCalls(db: Db, rows: Rows): Promise<void> {
  const { ruleId, agentId, serverId, deciderId, state, count, seconds = 60, tool = 'change', daysAgo = 1 } = rows
  const given = JSON.stringify(rows.arguments ?? {})
  await db.$executeRaw`
    insert into "HeldCall" ("id", "source", "digest", "agentId", "agentVersion", "serverId", "tool", "class", "definitionHash", "policyVersion", "arguments",
      "ruleId", "ruleTitle", "deciderRoles", "onTimeout", "state", "createdAt", "expiresAt", "seenAt", "decidedById", "decidedAt", "settledAt")
    select gen_random_uuid(), 'broker', gen_random_uuid()::text, ${agentId}, 1, ${serverId}, ${tool}, 'write', 'h', 'p',
      replace(${given}, '"$n"', n::text)::jsonb, ${ruleId}::uuid, 'Changes wait', array['security'], 'deny', ${state}::"HeldCallState",
      ${ago(daysAgo)}::timestamptz - n * interval '1 second', ${now}, ${now}, ${deciderId}::uuid,
      ${ago(daysAgo)}::timestamptz - n * interval '1 second' + ${seconds}::float8 * interval '1 second', ${now}
    from generate_series(1, ${count}::int) n`
}

async function world(db: Db, rule: object = {}) {
  const { id: agentId } = await makeAgent(db)
  const serverId = await makeServer(db)
  const security = await makePerson(db, { roles: ['security'] })
  const ctx = ctxFor(db, security, now)
  const input = createHoldRuleInput.parse({
    title: 'Changes wait',
    serverId,
    class: 'write',
    deciderRoles: ['security'],
    ...rule,
  })
  const { ruleId } = await createHoldRule({ ...ctx, now: ago(200) }, input)
  const held = (more: Partial<Rows> & { state: string; count: number }) =>
    heldCalls(db, { ruleId, agentId, serverId, deciderId: security.id, ...more })
  const traffic = (tool: string, calls: number, at = ago(1)) =>
    db.toolHour.create({ data: { serverId, tool, hour: at, calls, msBuckets: [] } })
  const insight = async (days: 7 | 30 | 90 = 30) => {
    const found = await holdInsight(ctx, { days })
    return {
      ...found,
      rule: found.rules.find(({ rule }) => rule.id === ruleId)!,
      suggestions: found.suggestions.filter(
        (each) => ('rule' in each && each.rule.id === ruleId) || ('server' in each && each.server.id === serverId),
      ),
    }
  }
  return { db, ctx, ruleId, agentId, serverId, security, held, traffic, insight }
}

dbTest('only who may read the audit log sees how people decide', async ({ db }) => {
  const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }), now)
  await expect(holdInsight(builder, { days: 7 })).rejects.toMatchObject({ details: { permission: 'audit:read' } })
})

dbTest('figures of a rule: what met it, what was held, how fast and how people decided', async ({ db }) => {
  const it = await world(db)
  await it.traffic('change', 70)
  await it.traffic('wipe', 20)
  await it.traffic('look', 5000)
  await it.traffic('change', 40, ago(60))
  await it.held({ state: 'approved', count: 6, seconds: 10 })
  await it.held({ state: 'edited', count: 2, seconds: 20 })
  await it.held({ state: 'rejected', count: 2, seconds: 100 })
  await it.held({ state: 'expired', count: 3, deciderId: null, seconds: 900 })
  await it.held({ state: 'cancelled', count: 1, deciderId: null })
  await it.held({ state: 'approved', count: 50, daysAgo: 40 })
  const { rule, deciders, overall } = await it.insight()
  expect(rule).toMatchObject({
    held: 14,
    approved: 6,
    edited: 2,
    rejected: 2,
    expired: 3,
    cancelled: 1,
    // 90 were allowed, those that were approved among them, and six were not released.
    met: 96,
    medianMs: 10_000,
    p90Ms: 100_000,
    rubberStamp: 'insufficient_data',
    rule: { title: 'Changes wait', removed: false, conditional: false },
  })
  expect(deciders.find(({ person }) => person.id === it.security.id)).toMatchObject({
    approved: 6,
    edited: 2,
    rejected: 2,
    medianMs: 10_000,
  })
  expect(overall.held).toBeGreaterThanOrEqual(14)
  const quarter = await it.insight(90)
  expect(quarter.rule).toMatchObject({ held: 64, met: 136 })
})

dbTest('a rubber stamp is said from twenty decisions on, of which almost all approve in a blink', async ({ db }) => {
  const it = await world(db)
  const verdict = async () => (await it.insight()).rule.rubberStamp
  await it.held({ state: 'approved', count: 19, seconds: 2 })
  expect(await verdict()).toBe('insufficient_data')
  await it.held({ state: 'approved', count: 30, seconds: 4.9 })
  expect(await verdict()).toBe('yes')
  await it.held({ state: 'rejected', count: 1, seconds: 4 })
  expect(await verdict()).toBe('yes')
  await it.held({ state: 'edited', count: 1, seconds: 4 })
  expect(await verdict()).toBe('no')
  const slow = await world(db)
  await slow.held({ state: 'approved', count: 20, seconds: 5 })
  expect((await slow.insight()).rule.rubberStamp).toBe('no')
})

dbTest('rules whose calls are always approved may become narrower, by what was never asked about', async ({ db }) => {
  const it = await world(db)
  const given = { amount: '$n', rate: 0.5, note: 'x' }
  await it.held({ state: 'approved', count: 19, arguments: given })
  expect((await it.insight()).suggestions).toEqual([])
  await it.held({ state: 'approved', count: 1, arguments: { ...given, amount: 480 } })
  expect((await it.insight()).suggestions).toEqual([
    {
      kind: 'always_approved',
      rule: { id: it.ruleId, title: 'Changes wait' },
      approved: 20,
      narrower: [
        { pointer: '/amount', min: 1, max: 480, holdFrom: 481 },
        { pointer: '/rate', min: 0.5, max: 0.5, holdFrom: 0.5 },
      ],
    },
  ])
  // A number that is not in every call says nothing, nor does a rule that people also edit for.
  await it.held({ state: 'approved', count: 1, arguments: { rate: 1 } })
  const [suggestion] = (await it.insight()).suggestions
  expect(suggestion).toMatchObject({ narrower: [{ pointer: '/rate', min: 0.5, max: 1 }] })
  await it.held({ state: 'edited', count: 1 })
  expect((await it.insight()).suggestions).toEqual([])
})

dbTest(
  'tools whose calls are always rejected, rules that mostly expire and rules that never hold are named',
  async ({ db }) => {
    const rejecting = await world(db)
    await rejecting.held({ state: 'rejected', count: 4 })
    expect((await rejecting.insight()).suggestions).toEqual([])
    await rejecting.held({ state: 'rejected', count: 1 })
    await rejecting.held({ state: 'expired', count: 2, deciderId: null })
    expect((await rejecting.insight()).suggestions).toMatchObject([
      { kind: 'always_rejected', tool: 'change', rejected: 5, agents: [{ id: rejecting.agentId }] },
    ])
    await rejecting.held({ state: 'approved', count: 1 })
    expect((await rejecting.insight()).suggestions).toEqual([])

    const expiring = await world(db)
    await expiring.held({ state: 'expired', count: 5, deciderId: null })
    await expiring.held({ state: 'approved', count: 4 })
    expect((await expiring.insight()).suggestions).toEqual([])
    await expiring.held({ state: 'approved', count: 1 })
    expect((await expiring.insight()).suggestions).toMatchObject([
      { kind: 'mostly_expired', ended: 10, expired: 5, decideSeconds: 900, deciderRoles: ['security'] },
    ])

    const idle = await world(db)
    await idle.traffic('change', 3, ago(80))
    expect((await idle.insight()).suggestions).toMatchObject([{ kind: 'never_met', calls: 3 }])
    await idle.held({ state: 'cancelled', count: 1, deciderId: null, daysAgo: 89 })
    expect((await idle.insight()).suggestions).toEqual([])
  },
)

dbTest('what a rule would have held is said before it is made, from a week of calls', async ({ db }) => {
  const it = await world(db)
  const production = await makeServer(db, { environment: 'production' })
  const { id: other } = await makeAgent(db)
  const day = (agentId: string, serverId: string, tool: string, calls: number, daysAgo: number) =>
    db.agentToolDay.create({ data: { agentId, serverId, tool, calls, day: ago(daysAgo), lastAt: ago(daysAgo) } })
  await day(it.agentId, it.serverId, 'change', 10, 0)
  await day(it.agentId, it.serverId, 'change', 4, 6)
  await day(it.agentId, it.serverId, 'change', 100, 7)
  await day(other, production, 'wipe', 3, 1)
  await day(other, production, 'look', 500, 1)
  await day(other, production, 'resources/read', 900, 1)
  const { from, ...wide } = await forecastHoldRule(it.ctx, { class: 'write' })
  expect({ from, ...wide }).toEqual({ from: '2026-11-16', held: 17, agents: 2, calls: 517 })
  expect(await forecastHoldRule(it.ctx, { environment: 'production', class: 'destructive' })).toMatchObject({ held: 3 })
  expect(await forecastHoldRule(it.ctx, { serverId: it.serverId, toolName: 'look' })).toMatchObject({
    held: 0,
    agents: 0,
  })
  const rules = (await listHoldRules(it.ctx)).filter(({ id }) => id === it.ruleId)
  expect(await forecastHoldRules(it.ctx, rules)).toMatchObject([{ held: 14, agents: 1 }])
  expect(await forecastHoldRules(it.ctx, [])).toEqual([])
  const nobody = ctxFor(db, { kind: 'agent', id: 'a', name: 'A' }, now)
  await expect(forecastHoldRule(nobody, {})).rejects.toMatchObject({ details: { permission: 'runs:read' } })
})

dbTest(
  'a rule takes the place of another one when a second person confirms it, and holds behind it until then',
  async ({ db }) => {
    const { ctx, ruleId, serverId } = await world(db)
    const input = createHoldRuleInput.parse({
      title: 'Large changes wait',
      serverId,
      class: 'write',
      conditions: [{ pointer: '/amount', range: { min: 481 } }],
      deciderRoles: ['security'],
      replaces: ruleId,
    })
    await createHoldRule(ctx, input)
    const rules = async () => (await listHoldRules(ctx)).filter((rule) => rule.serverId === serverId)
    expect(await rules()).toMatchObject([
      { id: ruleId, endAsked: { reason: '“Large changes wait” takes its place.' } },
      { title: 'Large changes wait', endAsked: null },
    ])
    const mate = ctxFor(db, await makePerson(db, { roles: ['security'] }), ctx.now)
    expect(await removeHoldRule(mate, { ruleId, reason: 'It is replaced.' })).toMatchObject({ removed: true })
    expect(await rules()).toMatchObject([{ title: 'Large changes wait' }])
    await expect(createHoldRule(ctx, input)).rejects.toMatchObject({ code: 'conflict' })
  },
)

dbTest('until the end of the one it replaces is confirmed, a rule comes behind every stricter one', async ({ db }) => {
  const { ctx, ruleId, serverId } = await world(db)
  const input = createHoldRuleInput.parse({ title: 'Security decides', serverId, deciderRoles: ['security'] })
  const { ruleId: strict } = await createHoldRule(ctx, input)
  const lenient = { ...input, title: 'Builders decide', deciderRoles: ['builder' as const] }
  const { ruleId: once } = await createHoldRule(ctx, { ...lenient, replaces: ruleId })
  // Nor does replacing it again get it any further.
  const { ruleId: twice } = await createHoldRule(ctx, { ...lenient, replaces: once })
  const asked = async () => {
    const rules = await db.$queryRawUnsafe<{ id: string; serverId: string }[]>(holdRulesSql.text)
    return rules.filter((rule) => rule.serverId === serverId).map(({ id }) => id)
  }
  expect(await asked()).toEqual([ruleId, strict, once, twice])
  const later = new Date(ctx.now.getTime() + 60_000)
  const mate = ctxFor(db, await makePerson(db, { roles: ['security'] }), later)
  await removeHoldRule(mate, { ruleId: once, reason: 'It is replaced.' })
  expect(await asked()).toEqual([ruleId, strict, twice])
  await removeHoldRule(mate, { ruleId, reason: 'It is replaced.' })
  expect(await asked()).toEqual([twice, strict])
})

dbTest('a changed rule is asked where the old one was, also by brokers, and a new one comes last', async ({ db }) => {
  const { ctx, ruleId, serverId } = await world(db)
  const input = { title: 'Anything waits', serverId, deciderRoles: ['builder'] }
  const { ruleId: broad } = await createHoldRule(ctx, createHoldRuleInput.parse(input))
  const change = { ...input, title: 'Twice the time', class: 'write', deciderRoles: ['security'], replaces: ruleId }
  const { ruleId: changed } = await replaceHoldRule(ctx, { ...createHoldRuleInput.parse(change), replaces: ruleId })
  const { ruleId: last } = await createHoldRule(ctx, createHoldRuleInput.parse({ ...input, title: 'The last one' }))
  const order = [changed, broad, last]
  const listed = (await listHoldRules(ctx)).filter((rule) => rule.serverId === serverId)
  expect(listed.map(({ id }) => id)).toEqual(order)
  const asked = await db.$queryRawUnsafe<{ id: string; serverId: string }[]>(holdRulesSql.text)
  expect(asked.filter((rule) => rule.serverId === serverId).map(({ id }) => id)).toEqual(order)
  const { rules } = await holdInsight(ctx, { days: 30 })
  expect(rules.flatMap(({ rule }) => (order.includes(rule.id ?? '') ? [rule.id] : []))).toEqual(order)
})

dbTest('what templates ask about is no part of the rate at which rules hold', async ({ db }) => {
  const it = await world(db)
  await it.traffic('change', 100)
  await it.held({ state: 'approved', count: 10 })
  const before = (await holdInsight(it.ctx, { days: 30 })).overall
  await it.held({ state: 'approved', count: 300, ruleId: null })
  await it.held({ state: 'expired', count: 300, ruleId: null })
  const { overall } = await holdInsight(it.ctx, { days: 30 })
  expect(overall.held).toBe(before.held + 600)
  expect([overall.heldByRules, overall.met]).toEqual([before.heldByRules, before.met])
  expect(overall.met).toBeGreaterThanOrEqual(100)
})

dbTest('a rule that mostly nobody decided about is no rule of which everything was approved', async ({ db }) => {
  const it = await world(db)
  await it.held({ state: 'approved', count: 20 })
  const kinds = async () => {
    const { suggestions } = await holdInsight(it.ctx, { days: 30 })
    return suggestions.flatMap((each) => ('rule' in each && each.rule.id === it.ruleId ? [each.kind] : []))
  }
  expect(await kinds()).toEqual(['always_approved'])
  await it.held({ state: 'expired', count: 500, deciderId: null })
  expect(await kinds()).toEqual(['mostly_expired'])
})
