import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import type { PathProfile } from '#lib/registry/schema/argument-profile.ts'
import { narrowGrant } from './commands.ts'
import { grantProposals, grantUsage } from './queries.ts'
import { type GrantUsageQuery, grantProposalsQuery, narrowGrantInput, narrowingOf } from './schema/usage.ts'

// A Wednesday.
const now = new Date('2026-11-25T10:00:00Z')
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000)
const euros = (calls: number): Record<string, PathProfile> => ({
  '/currency': { calls, values: [['EUR', calls]], prefix: 'EUR' },
  '/cents': { calls, range: [100, 4870] },
  '/note': { calls },
})
const conditions = [
  { pointer: '/cents', range: { min: 100, max: 4900 } },
  { pointer: '/currency', equals: 'EUR' },
]

async function scene(db: Db) {
  const { id: agentId } = await makeAgent(db)
  const serverId = await makeServer(db, { tools: { look: 'read', find: 'read', change: 'write' } })
  const grant = (more: object = {}) => makeGrant(db, { agentId, serverId, createdAt: daysAgo(60), ...more })
  /** As the worker adds up calls of one week. */
  const called = async (
    tool: string,
    {
      calls,
      day = daysAgo(20),
      known = calls,
      paths = euros(calls),
    }: { calls: number; day?: Date; known?: number; paths?: Record<string, PathProfile> },
  ) => {
    await db.agentToolDay.create({ data: { agentId, serverId, tool, calls, day, lastAt: day } })
    const week = new Date(day.getTime() - ((day.getUTCDay() + 6) % 7) * 86_400_000)
    const row = { agentId, serverId, tool, week, calls, known, unknown: calls - known, firstAt: day, paths }
    await db.argumentProfile.create({ data: row })
  }
  const usage = async (more: Omit<GrantUsageQuery, 'agentId'> = {}) =>
    new Map(
      (await grantUsage(ctxFor(db, undefined, now), { agentId, days: 30, ...more })).map((row) => [row.grantId, row]),
    )
  return { agentId, serverId, grant, called, usage }
}

describe('conditions on arguments', () => {
  dbTest('are proposed beside the tools, with what they would have denied in the days before', async ({ db }) => {
    const { grant, called, usage } = await scene(db)
    const wide = await grant({ class: 'write' })
    await called('look', { calls: 60 })
    // Before the days that are looked at: ten of them in another currency, and of five nothing is known.
    await called('look', {
      calls: 45,
      day: daysAgo(50),
      known: 40,
      paths: {
        '/currency': {
          calls: 40,
          values: [
            ['EUR', 30],
            ['USD', 10],
          ],
        },
        '/cents': { calls: 40, range: [100, 200] },
      },
    })
    expect((await usage()).get(wide)).toMatchObject({
      narrower: ['look'],
      arguments: [{ tool: 'look', verdict: 'narrower', known: 60, missing: null }],
      proposal: {
        kind: 'narrow',
        because: 'narrower',
        toolNames: ['look'],
        conditions: [{ tool: 'look', conditions }],
        denials: 0,
        denialsBefore: 10,
        unknownBefore: 5,
      },
    })
  })

  dbTest('are held against calls of the week in which the days that are looked at begin as well', async ({ db }) => {
    const { grant, called, usage } = await scene(db)
    const one = await grant({ toolName: 'look' })
    await called('look', { calls: 60 })
    // The days begin on a Wednesday, these calls were on the day before.
    await called('look', { calls: 7, day: daysAgo(29) })
    expect((await usage({ days: 28 })).get(one)?.proposal).toMatchObject({
      calls: 60,
      denialsBefore: 0,
      unknownBefore: 0,
    })
  })

  dbTest('are proposed for a grant whose tools are all needed, and not on what it limits already', async ({ db }) => {
    const { grant, called, usage } = await scene(db)
    const one = await grant({ toolName: 'look', conditions: [{ pointer: '/currency', in: ['EUR', 'USD'] }] })
    await called('look', { calls: 60 })
    expect((await usage()).get(one)?.proposal).toMatchObject({
      kind: 'narrow',
      because: 'arguments',
      toolNames: ['look'],
      conditions: [{ tool: 'look', conditions: [conditions[0]] }],
      denials: 0,
    })
  })

  dbTest('are not guessed: what is missing to tell is said, by the bar that is asked for', async ({ db }) => {
    const { grant, called, usage } = await scene(db)
    const one = await grant({ toolName: 'look' })
    await called('look', { calls: 40, day: daysAgo(9) })
    const missing = async (more = {}) => (await usage(more)).get(one)?.arguments[0]
    expect(await missing()).toMatchObject({ verdict: 'insufficient_data', missing: { calls: 10, days: 5, unknown: 0 } })
    expect(await missing({ conditionCalls: 40, conditionDays: 9 })).toMatchObject({
      verdict: 'narrower',
      missing: null,
    })
    // A call that was recorded before anybody looked at arguments.
    await db.agentToolDay.updateMany({ where: { tool: 'look', calls: 40 }, data: { calls: 43 } })
    expect(await missing({ conditionCalls: 40, conditionDays: 9 })).toMatchObject({ missing: { unknown: 3 } })
    expect((await usage({ conditionCalls: 40, conditionDays: 9 })).get(one)?.proposal).toBeNull()
  })

  dbTest('are not proposed where the grant covers the calls of a wider one', async ({ db }) => {
    const { grant, called, usage } = await scene(db)
    const [one, wide] = [await grant({ toolName: 'look' }), await grant({ class: 'read' })]
    await called('look', { calls: 60 })
    const judged = await usage()
    expect(judged.get(wide)?.proposal).toMatchObject({ kind: 'revoke', because: 'covered', coveredBy: [one] })
    expect(judged.get(one)?.proposal).toBeNull()
  })
})

describe('following it', () => {
  dbTest('puts the conditions on, at once and on the record; what had been permitted still is', async ({ db }) => {
    const { agentId, grant, called, usage } = await scene(db)
    const wide = await grant({ class: 'write', conditions: [{ pointer: '/note', prefix: 'a' }] })
    await called('look', { calls: 60 })
    await called('change', { calls: 3 })
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
    const { proposal } = (await usage()).get(wide)!
    const query = grantProposalsQuery.parse({ limit: 500 })
    expect((await grantProposals(security, query)).items.find(({ grantId }) => grantId === wide)?.proposal).toEqual(
      proposal,
    )
    const input = narrowGrantInput.parse({ ...narrowingOf(wide, proposal!, 30), reason: 'As proposed.' })
    expect(input.conditions).toEqual([{ tool: 'look', conditions }])
    const outcomes = await Promise.all([narrowGrant(security, input), narrowGrant(security, input)])
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
    const held = await db.grant.findMany({ where: { agentId, revokedAt: null }, orderBy: { toolName: 'asc' } })
    expect(held).toMatchObject([
      { toolName: 'change', conditions: [{ pointer: '/note', prefix: 'a' }] },
      { toolName: 'look', conditions: [{ pointer: '/note', prefix: 'a' }, ...conditions], via: 'narrowed' },
    ])
    const narrowed = (await auditOf(db, agentId)).find(({ event }) => event === 'grant.narrowed')
    expect(narrowed?.detail).toMatchObject({ toolNames: ['look', 'change'], conditional: ['look'] })
  })

  dbTest('is refused when a call since would be denied, or nothing is known of one', async ({ db }) => {
    const { grant, called, usage } = await scene(db)
    const one = await grant({ toolName: 'look' })
    await called('look', { calls: 60 })
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
    const input = narrowGrantInput.parse({
      ...narrowingOf(one, (await usage()).get(one)!.proposal!, 30),
      reason: 'As proposed.',
    })
    const dollars = {
      '/currency': { calls: 1, values: [['USD', 1]] satisfies PathProfile['values'] },
      '/cents': { calls: 1, range: [5, 5] satisfies PathProfile['range'] },
    }
    await called('look', { calls: 1, day: daysAgo(1), paths: dollars })
    const refused = { ok: false, error: { rule: 'scopes:not_proposed' } }
    expect(await narrowGrant(security, input)).toMatchObject(refused)
    await db.argumentProfile.deleteMany({ where: { tool: 'look', calls: 1 } })
    expect(await narrowGrant(security, input)).toMatchObject(refused)
    await db.agentToolDay.deleteMany({ where: { tool: 'look', calls: 1 } })
    expect(await narrowGrant(security, input)).toMatchObject({ ok: true })
  })

  dbTest('is refused, too, for a call that is on record and not added up yet', async ({ db }) => {
    const { agentId, serverId, grant, called, usage } = await scene(db)
    const one = await grant({ toolName: 'look' })
    await called('look', { calls: 60 })
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
    const narrowing = narrowingOf(one, (await usage()).get(one)!.proposal!, 30)
    const input = narrowGrantInput.parse({ ...narrowing, reason: 'As proposed.' })
    const recorded = async (currency: string | null) =>
      db.$executeRaw`with id as (select gen_random_uuid() as "id"),
        observed as (insert into "ArgumentObservation"
          select "id", json_build_object('/currency', json_build_object('values', json_build_array(${currency}::text)), '/cents', json_build_object('values', json_build_array(200)))
          from id where ${currency}::text is not null)
        select audit_append(jsonb_build_array(jsonb_build_object('id', "id", 'at', now(), 'event', 'mcp.call_allowed', 'actorKind', 'agent', 'actorId', 'a', 'actorName', 'A',
          'subjectKind', 'tool', 'subjectId', 't', 'subjectName', 't', 'agentId', ${agentId}::text, 'teamId', null, 'serverId', ${serverId}::text, 'tool', 'look', 'runId', null,
          'decision', 'allow', 'rule', null, 'requestId', null, 'detail', jsonb_build_object('outcome', 'ok', 'ms', 1))), false) from id`
    const refused = { ok: false, error: { rule: 'scopes:not_proposed' } }
    const addedUp = () => db.$executeRaw`update "TrafficCursor" set "seq" = (select "seq" from "AuditHead")`
    await db.trafficCursor.upsert({ where: { id: 1 }, create: { id: 1 }, update: {} })
    await addedUp()
    await recorded('USD')
    expect(await narrowGrant(security, input)).toMatchObject(refused)
    await addedUp()
    await recorded(null)
    expect(await narrowGrant(security, input)).toMatchObject(refused)
    await addedUp()
    await recorded('EUR')
    expect(await narrowGrant(security, input)).toMatchObject({ ok: true })
  })

  dbTest('is of no text of a server that has data about people by now, whoever adds up later', async ({ db }) => {
    const { agentId, serverId, grant, usage } = await scene(db)
    const one = await grant({ toolName: 'look' })
    await db.trafficCursor.upsert({ where: { id: 1 }, create: { id: 1 }, update: {} })
    await db.$executeRaw`update "TrafficCursor" set "seq" = (select "seq" from "AuditHead")`
    // Of twenty days, as brokers wrote it down while the server was said to have no such data.
    const facts = { '/name': { values: ['Schmidt'] }, '/cents': { values: [200] } }
    for (let day = 20; day > 0; day -= 1) {
      await db.$executeRaw`with ids as (select gen_random_uuid() as "id" from generate_series(1, 3)),
        observed as (insert into "ArgumentObservation" select "id", ${JSON.stringify(facts)}::json from ids)
        select audit_append(jsonb_agg(jsonb_build_object('id', "id", 'at', ${daysAgo(day)}::timestamptz, 'event', 'mcp.call_allowed', 'actorKind', 'agent', 'actorId', 'a', 'actorName', 'A',
          'subjectKind', 'tool', 'subjectId', 't', 'subjectName', 't', 'agentId', ${agentId}::text, 'teamId', null, 'serverId', ${serverId}::text, 'tool', 'look', 'runId', null,
          'decision', 'allow', 'rule', null, 'requestId', null, 'detail', jsonb_build_object('outcome', 'ok', 'ms', 1))), false) from ids`
    }
    const proposed = async () => JSON.stringify((await usage()).get(one)!.proposal)
    expect(await proposed()).toContain('Schmidt')
    await db.mcpServer.update({ where: { id: serverId }, data: { dataClasses: ['personal'] } })
    const later = await proposed()
    expect(later).toContain('/cents')
    expect(later).not.toContain('Schmidt')
  })

  dbTest('names what it keeps: no other tool, no condition that cannot be evaluated, not too many', async ({ db }) => {
    const { grant } = await scene(db)
    const one = await grant({ toolName: 'look' })
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
    const narrow = (more: object) =>
      narrowGrant(security, narrowGrantInput.parse({ grantId: one, toolNames: ['look'], reason: 'Less.', ...more }))
    const invalid = (field: string) => ({ code: 'invalid', details: { field } })
    expect(await narrow({})).toMatchObject({ ok: false, error: { rule: 'scopes:not_narrowable' } })
    await expect(narrow({ conditions: [{ tool: 'find', conditions }] })).rejects.toMatchObject(invalid('conditions'))
    const both = { toolNames: ['look', 'find'], conditions: [{ tool: 'look', conditions }] }
    await expect(narrow(both)).rejects.toMatchObject(invalid('toolNames'))
    const wrong = [{ tool: 'look', conditions: [{ pointer: '/a', regex: '(?=x)' }] }]
    await expect(narrow({ conditions: wrong })).rejects.toMatchObject({ code: 'invalid' })
    const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }), now)
    const input = narrowGrantInput.parse({
      grantId: one,
      toolNames: ['look'],
      conditions: [{ tool: 'look', conditions }],
      reason: 'Less.',
    })
    await expect(narrowGrant(builder, input)).rejects.toMatchObject({ code: 'forbidden' })
  })
})
