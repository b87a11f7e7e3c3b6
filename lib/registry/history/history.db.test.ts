import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { expect } from 'vitest'
import { anonymous } from '#lib/auth/ctx.ts'
import { createDb, type Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { besidesTools, makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import {
  agentFacets,
  diffAgent,
  diffAgents,
  explainAgentQuery,
  getAgentAsOf,
  getMoment,
  listAgentMoments,
  listAgents,
} from '../queries.ts'

const latest = async (db: Db) => (await db.historyHead.findUniqueOrThrow({ where: { id: 1 } })).at

dbTest('what was committed later has a later time, however long ago it was begun', async ({ db, databaseUrl }) => {
  const { id } = await makeAgent(db, { name: 'zero' })
  const other = await makeAgent(db, { name: 'zero' })
  const slow = new pg.Client({ connectionString: databaseUrl })
  await slow.connect()
  try {
    await slow.query('begin')
    await slow.query(`update "Agent" set "name" = 'slow' where "id" = $1`, [id])
    const between = (await instant(db)).toISOString()
    await db.agent.update({ where: { id: other.id }, data: { name: 'quick' } })
    const afterQuick = (await instant(db)).toISOString()
    expect((await getAgentAsOf(ctxFor(db), { agentId: id, asOf: afterQuick })).name).toBe('zero')
    await slow.query('commit')
    const nameAt = async (agentId: string, asOf: string) => (await getAgentAsOf(ctxFor(db), { agentId, asOf })).name
    expect(await nameAt(id, between)).toBe('zero')
    expect([await nameAt(id, afterQuick), await nameAt(other.id, afterQuick)]).toEqual(['zero', 'quick'])
    expect(await nameAt(id, (await instant(db)).toISOString())).toBe('slow')
  } finally {
    await slow.end()
  }
})

dbTest('an answer about an instant waits for who is committing with an earlier time', async ({ db, databaseUrl }) => {
  const { id } = await makeAgent(db, { name: 'before' })
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query('begin')
    await client.query(`update "Agent" set "name" = 'after' where "id" = $1`, [id])
    // As at the commit: the time is given, and what was written is not to be seen yet.
    await client.query('set constraints all immediate')
    // That very time: the clock may stand before it still.
    const asOf = (await client.query<{ at: Date }>('select "at" from "HistoryHead"')).rows[0]!.at.toISOString()
    let answered = false
    const answer = getAgentAsOf(ctxFor(db), { agentId: id, asOf }).then((agent) => {
      answered = true
      return agent.name
    })
    await setTimeout(200)
    expect(answered).toBe(false)
    await client.query('commit')
    expect(await answer).toBe('after')
  } finally {
    await client.end()
  }
})

dbTest('two transactions at once never share a time', async ({ db }) => {
  const agents = await Promise.all(Array.from({ length: 8 }, () => makeAgent(db)))
  const before = await latest(db)
  await Promise.all(agents.map(({ id }, at) => db.agent.update({ where: { id }, data: { purpose: `changed ${at}` } })))
  const moments = await db.historyMoment.findMany({ where: { at: { gt: before } } })
  expect(new Set(moments.map(({ at }) => at!.getTime())).size).toBe(8)
})

dbTest('whatever writes is kept, nothing that is not a change, and it stays as it is', async ({ db }) => {
  const { id } = await makeAgent(db, { name: 'one' })
  const first = (await instant(db)).toISOString()
  await db.$executeRaw`update "Agent" set "name" = 'two' where "id" = ${id}`
  const second = (await instant(db)).toISOString()
  await db.$transaction(async (tx) => {
    await tx.agent.update({ where: { id }, data: { name: 'within' } })
    await tx.agent.update({ where: { id }, data: { name: 'three' } })
  })
  const third = (await instant(db)).toISOString()
  await expect(
    db.$transaction(async (tx) => {
      await tx.agent.update({ where: { id }, data: { name: 'undone' } })
      throw new Error('undo')
    }),
  ).rejects.toThrow('undo')
  await db.agent.update({ where: { id }, data: { updatedAt: new Date() } })
  const names = []
  for (const asOf of [first, second, third, (await instant(db)).toISOString()]) {
    names.push((await getAgentAsOf(ctxFor(db), { agentId: id, asOf })).name)
  }
  expect(names).toEqual(['one', 'two', 'three', 'three'])
  expect((await listAgentMoments(ctxFor(db), { agentId: id })).items).toHaveLength(3)
  await expect(db.historyEntry.updateMany({ where: { key: id }, data: { state: {} } })).rejects.toThrow(/refused/)
  await expect(db.historyEntry.deleteMany({ where: { key: id } })).rejects.toThrow(/refused/)
})

dbTest('a reminder of a grant changes nothing about it, and no moment is changed or taken away', async ({ db }) => {
  const { id } = await makeAgent(db)
  const grant = await makeGrant(db, { agentId: id, serverId: await makeServer(db) })
  const { items: before } = await listAgentMoments(ctxFor(db), { agentId: id })
  await db.grant.update({ where: { id: grant }, data: { endingToldAt: new Date() } })
  expect((await listAgentMoments(ctxFor(db), { agentId: id })).items).toEqual(before)
  const at = new Date(before[0]!.at)
  await expect(db.historyMoment.updateMany({ where: { at }, data: { at: new Date() } })).rejects.toThrow(/refused/)
  await expect(db.historyMoment.deleteMany({ where: { at } })).rejects.toThrow(/refused/)
  await expect(db.$executeRaw`truncate "HistoryMoment"`).rejects.toThrow(/refused/)
})

dbTest('the instants of an agent are told to the last, a page at a time', async ({ db }) => {
  const { id } = await makeAgent(db)
  for (let at = 0; at < 120; at += 1) await db.agent.update({ where: { id }, data: { purpose: `changed ${at}` } })
  const found: string[] = []
  let cursor: string | undefined
  do {
    const page = await listAgentMoments(ctxFor(db), { agentId: id, cursor })
    found.push(...page.items.map(({ at }) => at))
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  expect(found).toHaveLength(121)
  expect(found).toEqual([...new Set(found)].toSorted().toReversed())
})

dbTest(
  'until now needs no second fleet; others are read one at a time, and only so many wait',
  async ({ databaseUrl }) => {
    // With a connection for each that waits.
    const db = createDb(databaseUrl, { poolSize: 30 })
    const teamId = await makeTeam(db)
    const { id } = await makeAgent(db, { ownerTeamId: teamId })
    const instants: string[] = []
    for (let times = 0; times < 12; times += 1) instants.push((await instant(db)).toISOString())
    await db.agent.update({ where: { id }, data: { tier: 'high' } })
    const people = await Promise.all(Array.from({ length: 5 }, () => makePerson(db)))
    const [first] = people
    const [from] = instants
    const q = `owner:${teamId}`
    const sinceThen = () => diffAgents(ctxFor(db, first), { q, from: from! })
    const expected = { total: { from: 1, to: 1 }, changed: [{ id, fields: [{ field: 'tier', after: 'high' }] }] }
    expect(await sinceThen()).toMatchObject(expected)
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    try {
      // Nothing of the past can be read from here on.
      await client.query('begin')
      await client.query('lock table "HistoryEntry" in access exclusive mode')
      expect(await sinceThen()).toMatchObject(expected)
      const refused: unknown[] = []
      const ask = (of: string[], personAt: (at: number) => number) =>
        of.map((asOf, at) => {
          const answer = listAgents(ctxFor(db, people[personAt(at)]), { q, asOf })
          answer.catch((error: unknown) => refused.push(error))
          return answer
        })
      const own = ask(instants.slice(1, 4), () => 0)
      await expect.poll(() => refused).toMatchObject([{ code: 'rate_limited' }])
      const others = ask(instants.slice(4), (at) => 1 + (at >> 1))
      const busy = { code: 'unavailable', details: { rule: 'history:busy' } }
      await expect.poll(() => refused.slice(1)).toMatchObject([busy, busy])
      await client.query('commit')
      const outcomes = await Promise.allSettled([...own, ...others])
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(8)
      expect((await listAgents(ctxFor(db, first), { q, asOf: instants[11]! })).total).toBe(1)
    } finally {
      await client.end()
      await db.$disconnect()
    }
  },
)

dbTest('a wrong instant is refused with the field and when the records begin', async ({ db }) => {
  const { id } = await makeAgent(db)
  const head = await db.historyHead.findUniqueOrThrow({ where: { id: 1 } })
  const earliest = head.began.toISOString()
  const details = { field: 'asOf', earliest }
  const wrong = ['yesterday', '2026-13-45', '1e9', '', '2026-11-25T10:00', '2999-01-01T00:00:00Z', '1999-12-31']
  for (const asOf of wrong) {
    const refused = { code: 'invalid', details, message: expect.stringContaining(earliest) as unknown }
    await expect(getAgentAsOf(ctxFor(db), { agentId: id, asOf })).rejects.toMatchObject(refused)
    await expect(listAgents(ctxFor(db), { asOf })).rejects.toMatchObject(refused)
  }
  await expect(diffAgent(ctxFor(db), { agentId: id, from: earliest, to: 'x' })).rejects.toMatchObject({
    details: { field: 'to', earliest },
  })
  await expect(diffAgents(ctxFor(db), { from: '2999-01-01' })).rejects.toMatchObject({ details: { field: 'from' } })
  expect(await getMoment(ctxFor(db), { field: 'asOf', value: earliest })).toMatchObject({
    at: earliest,
    began: earliest,
  })
})

dbTest('the past needs the permission of the present', async ({ db }) => {
  const { id } = await makeAgent(db)
  const asOf = (await instant(db)).toISOString()
  const nobody = ctxFor(db, { kind: 'agent', id, name: id })
  const asked = [
    (ctx: typeof nobody) => getAgentAsOf(ctx, { agentId: id, asOf }),
    (ctx: typeof nobody) => listAgents(ctx, { asOf }),
    (ctx: typeof nobody) => getMoment(ctx, { field: 'asOf', value: asOf }),
    (ctx: typeof nobody) => diffAgent(ctx, { agentId: id, from: asOf }),
    (ctx: typeof nobody) => diffAgents(ctx, { from: asOf }),
    (ctx: typeof nobody) => listAgentMoments(ctx, { agentId: id }),
  ]
  for (const ask of asked) {
    await expect(ask(nobody)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(ask(ctxFor(db, anonymous))).rejects.toMatchObject({ code: 'unauthenticated' })
    await ask(ctxFor(db, await makePerson(db, { roles: ['builder'] })))
  }
})

dbTest('two states of an agent differ by field and by what it could reach', async ({ db }) => {
  const team = await makeTeam(db)
  const serverId = await makeServer(db)
  const beforeAll = (await instant(db)).toISOString()
  const { id } = await makeAgent(db, { name: 'Old', ownerTeamId: team })
  const ends = await makeGrant(db, { agentId: id, serverId, class: 'write', expiresAt: new Date(Date.now() + 1500) })
  const stays = await makeGrant(db, { agentId: id, serverId, class: 'destructive' })
  const from = (await instant(db)).toISOString()
  const leaver = await db.agent.findUniqueOrThrow({ where: { id }, select: { accountablePersonId: true } })
  await db.person.update({ where: { id: leaver.accountablePersonId }, data: { active: false } })
  await db.agent.update({ where: { id }, data: { name: 'New', status: 'suspended', statusReason: 'why' } })
  await db.mcpTool.update({ where: { serverId_name: { serverId, name: 'wipe' } }, data: { state: 'quarantined' } })
  const added = await makeGrant(db, { agentId: id, serverId, class: 'read', toolName: 'look' })
  await setTimeout(1600)
  const diff = await diffAgent(ctxFor(db), { agentId: id, from })
  expect(diff).toMatchObject({ name: 'New', presence: null, from: { at: from } })
  expect(diff.fields).toEqual([
    { field: 'name', before: 'Old', after: 'New' },
    { field: 'accountable_active', before: true, after: false },
    { field: 'status', before: 'active', after: 'suspended' },
    { field: 'status_reason', before: null, after: 'why' },
  ])
  const change = (grantId: string) => diff.grants.find((grant) => grant.grantId === grantId)
  expect(change(ends)).toMatchObject({ change: 'removed', class: 'write' })
  expect(change(added)).toMatchObject({ change: 'added', toolName: 'look' })
  expect(change(stays)).toMatchObject({
    change: 'changed',
    fields: [
      {
        field: 'tools',
        before: ['change', 'look', 'wipe', ...besidesTools],
        after: ['change', 'look', ...besidesTools],
      },
      { field: 'unreached', before: [], after: [{ why: 'the tool is quarantined', tools: ['wipe'] }] },
    ],
  })
  expect(await diffAgent(ctxFor(db), { agentId: id, from: beforeAll, to: from })).toMatchObject({
    presence: 'appeared',
  })
  expect(await diffAgent(ctxFor(db), { agentId: id, from, to: beforeAll })).toMatchObject({ presence: 'left' })
  const never = diffAgent(ctxFor(db), { agentId: 'nobody-knows', from })
  await expect(never).rejects.toMatchObject({ code: 'not_found' })
})

dbTest('a list of the past answers queries, facets and explanations; two of them differ', async ({ db }) => {
  const team = await makeTeam(db)
  const serverId = await makeServer(db, { environment: 'production' })
  const make = async (name: string) => (await makeAgent(db, { id: `${name}-${team}`, name, ownerTeamId: team })).id
  const [stays, goes] = [await make('stays'), await make('goes')]
  for (const agentId of [stays, goes]) await makeGrant(db, { agentId, serverId, class: 'write' })
  const from = (await instant(db)).toISOString()
  const comes = await make('comes')
  await makeGrant(db, { agentId: comes, serverId, class: 'write' })
  await db.grant.updateMany({ where: { agentId: goes }, data: { revokedAt: new Date() } })
  await db.agent.update({ where: { id: stays }, data: { tier: 'high' } })
  const to = (await instant(db)).toISOString()
  await db.mcpServer.update({ where: { id: serverId }, data: { status: 'disabled' } })
  const q = `can:write env:production owner:${team}`
  const idsAt = async (asOf?: string) => {
    const list = await listAgents(ctxFor(db), { q, ...(asOf ? { asOf } : {}) })
    expect(list.total).toBe(list.items.length)
    return list.items.map(({ id }) => id)
  }
  expect([await idsAt(from), await idsAt(to), await idsAt()]).toEqual([[goes, stays], [comes, stays], []])
  const { tier } = await agentFacets(ctxFor(db), { q, asOf: to })
  expect(Object.fromEntries(tier.map(({ value, count }) => [value, count]))).toEqual({ low: 1, medium: 0, high: 1 })
  const why = await explainAgentQuery(ctxFor(db), { agentId: goes, q: 'can:write', asOf: from })
  expect(why.matches).toBe(true)
  expect((await explainAgentQuery(ctxFor(db), { agentId: goes, q: 'can:write', asOf: to })).matches).toBe(false)
  expect(await diffAgents(ctxFor(db), { q, from, to })).toMatchObject({
    total: { from: 2, to: 2 },
    appeared: [{ id: comes }],
    left: [{ id: goes }],
    changed: [{ id: stays, fields: [{ field: 'tier', before: 'low', after: 'high' }] }],
    reach: [
      {
        id: comes,
        gained: [
          { serverId, class: 'read' },
          { serverId, class: 'write' },
        ],
        lost: [],
      },
      {
        id: goes,
        gained: [],
        lost: [
          { serverId, class: 'read' },
          { serverId, class: 'write' },
        ],
      },
    ],
    more: { appeared: 0, left: 0, changed: 0, reach: 0 },
  })
  // Nothing about a grant has changed since, and what it reaches has.
  const since = await diffAgents(ctxFor(db), { q: `owner:${team}`, from: to })
  expect(since.reach).toMatchObject(
    [comes, stays].map((id) => ({ id, gained: [], lost: [{ class: 'read' }, { class: 'write' }] })),
  )
})
