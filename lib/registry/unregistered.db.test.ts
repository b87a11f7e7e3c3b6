import { expect } from 'vitest'
import { inTx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import {
  closeAdopted,
  closeGone,
  dismissUnregistered,
  forgetUnregistered,
  importFindings,
  noteUnregistered,
} from './commands.ts'
import { countUnregistered, getUnregistered, listUnregistered } from './queries.ts'
import { claimedMax, othersKey } from './rules/unregistered.ts'
import { type Sighting, unregisteredQuery } from './schema/unregistered.ts'

const now = new Date('2026-11-20T12:00:00Z')
const later = (hours: number) => new Date(now.getTime() + hours * 3_600_000)

function caller(subject: string, more: Partial<Sighting> = {}): Sighting {
  const detail = { issuer: 'https://idp.test', subject }
  return { source: 'broker', key: `https://idp.test ${subject}`, name: subject, verified: false, detail, ...more }
}

function note(db: Db, sightings: (Sighting & { listedAt?: Date; acted?: boolean })[], at = now) {
  return noteUnregistered({ ...ctxFor(db), now: at }, sightings)
}

function find(db: Db, key: string) {
  return db.unregisteredAgent.findFirst({ where: { key } })
}

async function lastEvent(db: Db) {
  return db.auditEvent.findFirst({ where: { event: { startsWith: 'unregistered.' } }, orderBy: { seq: 'desc' } })
}

const reader = async (db: Db) => ctxFor(db, await makePerson(db), now)
const security = async (db: Db, at = now) => ctxFor(db, await makePerson(db, { roles: ['security'] }), at)

dbTest('what is seen is one row however often, with its first and last time, and told once', async ({ db }) => {
  await note(db, [caller('eve', { count: 3 })])
  expect(await lastEvent(db)).toMatchObject({
    event: 'unregistered.found',
    detail: { source: 'broker', verified: false },
  })
  const told = (await lastEvent(db))?.seq
  await Promise.all([note(db, [caller('eve')], later(1)), note(db, [caller('eve', { count: 2 })], later(2))])
  expect((await lastEvent(db))?.seq).toBe(told)
  expect(await find(db, 'https://idp.test eve')).toMatchObject({ count: 6, firstSeenAt: now, state: 'open' })
  const twins = await Promise.all([note(db, [caller('twin')]), note(db, [caller('twin')])])
  expect(twins.map(({ added }) => added).reduce((sum, added) => sum + added)).toBe(1)
  const ctx = await reader(db)
  const list = await listUnregistered(ctx, unregisteredQuery.parse({}))
  expect([list.total, await countUnregistered(ctx)]).toEqual([2, 2])
  expect(await getUnregistered(ctx, list.items[0]!.id)).toEqual({ ...list.items[0], definition: null })
  await expect(getUnregistered(ctx, 'nothing')).rejects.toMatchObject({ code: 'not_found' })
})

dbTest('many are noted a few hundred at a time, and the same one twice in a go is one row', async ({ db }) => {
  const many = Array.from({ length: 700 }, (_, at): Sighting => caller(`many-${at}`, { verified: true }))
  expect(await note(db, [...many, caller('many-699', { verified: true, count: 4 })])).toEqual({
    added: 700,
    seenAgain: 1,
  })
  const [transactions] = await db.$queryRaw<{ count: number }[]>`
    select count(distinct xmin::text)::int as "count" from "UnregisteredAgent" where "name" like 'many-%'`
  expect(transactions).toEqual({ count: 3 })
  expect(await find(db, 'https://idp.test many-699')).toMatchObject({ count: 5, verified: true })
  const twice = [caller('many-0', { verified: true }), caller('many-0', { verified: true, name: 'Zero' })]
  expect(await note(db, [...twice, ...many.slice(1)], later(1))).toEqual({ added: 0, seenAgain: 701 })
  const zero = { name: 'Zero', count: 3, firstSeenAt: now, lastSeenAt: later(1), detail: many[0]!.detail }
  expect(await find(db, 'https://idp.test many-0')).toMatchObject(zero)
})

dbTest('dismissed with a reason it is gone from the list, and comes back when it acts a day later', async ({ db }) => {
  await note(db, [caller('dora')])
  const { id } = (await find(db, 'https://idp.test dora'))!
  const ctx = await security(db, later(1))
  const input = { unregisteredId: id, reason: 'A test of the platform team.' }
  const outcomes = await Promise.all([dismissUnregistered(ctx, input), dismissUnregistered(ctx, input)])
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
  expect(outcomes.find(({ ok }) => !ok)).toMatchObject({ error: { rule: 'registry:already_decided' } })
  expect(await lastEvent(db)).toMatchObject({ event: 'unregistered.dismissed', detail: { reason: input.reason } })
  await note(db, [caller('dora')], later(2))
  expect(await find(db, 'https://idp.test dora')).toMatchObject({ state: 'dismissed', count: 2 })
  await note(db, [caller('dora')], later(26))
  expect(await find(db, 'https://idp.test dora')).toMatchObject({ state: 'open', reason: input.reason })
  expect(await lastEvent(db)).toMatchObject({ event: 'unregistered.returned', detail: { was: 'dismissed' } })
})

dbTest('who may: agents:read lists, discovery:manage decides and imports, only our processes note', async ({ db }) => {
  const builder = await reader(db)
  const nobody = ctxFor(db, await makePerson(db, { roles: [] }), now)
  const input = { unregisteredId: crypto.randomUUID(), reason: 'x' }
  await expect(dismissUnregistered(builder, input)).rejects.toMatchObject({ code: 'forbidden' })
  await expect(importFindings(builder, { text: 'key\na\n', format: 'csv' })).rejects.toMatchObject({
    code: 'forbidden',
  })
  await expect(noteUnregistered(builder, [])).rejects.toMatchObject({ code: 'forbidden' })
  await expect(closeGone(builder, { listedAt: now })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(listUnregistered(nobody, unregisteredQuery.parse({}))).rejects.toMatchObject({ code: 'forbidden' })
  await expect(dismissUnregistered(await security(db), input)).rejects.toMatchObject({ code: 'not_found' })
  const adopted = inTx(builder, (_, ctx) =>
    closeAdopted(ctx, { unregisteredId: input.unregisteredId, agentId: 'x', prompt: 'none' }),
  )
  await expect(adopted).rejects.toMatchObject({ code: 'not_found' })
})

dbTest(
  'an agent at Claude that the registry has is nothing to find; one that is gone is closed, and opened again',
  async ({ db }) => {
    const { id } = await makeAgent(db)
    const strange: Sighting = {
      source: 'claude',
      key: 'agent_strange',
      name: 'Strange',
      verified: true,
      detail: { version: '1' },
    }
    const listing = (at: Date, ...all: Sighting[]) =>
      note(
        db,
        all.map((one) => ({ ...one, listedAt: at })),
        at,
      )
    await listing(now, { ...strange, key: `agent_${id}` }, strange)
    expect([await find(db, `agent_${id}`), (await find(db, 'agent_strange'))?.state]).toEqual([null, 'open'])
    expect(await closeGone(ctxFor(db), { listedAt: now })).toBe(0)
    expect(await closeGone(ctxFor(db), { listedAt: later(1) })).toBe(1)
    expect([(await find(db, 'agent_strange'))?.state, (await lastEvent(db))?.event]).toEqual([
      'gone',
      'unregistered.gone',
    ])
    await listing(later(2), strange)
    expect((await find(db, 'agent_strange'))?.state).toBe('open')
  },
)

dbTest(
  'what no listing has held is not gone because none holds it, and one that is registered is closed',
  async ({ db }) => {
    await db.unregisteredAgent.deleteMany()
    const ctx = await security(db)
    const imported = 'key,claude_agent_id\nelsewhere,agent_elsewhere\nsoon,agent_soon\n'
    await importFindings(ctx, { text: imported, format: 'csv' })
    const vouched: Sighting = { source: 'claude', key: 'agent_theirs', name: 'x', verified: true, detail: {} }
    await note(db, [vouched])
    const told = (await lastEvent(db))?.seq
    for (const hours of [1, 2]) expect(await closeGone(ctxFor(db), { listedAt: later(hours) })).toBe(0)
    expect((await lastEvent(db))?.seq).toBe(told)
    await makeAgent(db, { claude: { claudeAgentId: 'agent_soon', claudeVersion: 1 } })
    expect(await closeGone(ctxFor(db), { listedAt: later(3) })).toBe(1)
    expect([(await find(db, 'agent_soon'))?.state, (await find(db, 'agent_elsewhere'))?.state]).toEqual([
      'gone',
      'open',
    ])
    // One that was listed, went, and is seen elsewhere: it comes back once and waits.
    await note(db, [{ ...vouched, listedAt: later(4) }], later(4))
    expect(await closeGone(ctxFor(db), { listedAt: later(5) })).toBe(1)
    await note(db, [{ ...vouched, acted: true }], later(6))
    expect(await find(db, 'agent_theirs')).toMatchObject({ state: 'open' })
    expect(await closeGone(ctxFor(db), { listedAt: later(7) })).toBe(0)
  },
)

dbTest(
  'what an import says of an agent at Claude stays beside what Claude says, in whichever order',
  async ({ db }) => {
    const at = (hours: number) => ({ listedAt: later(hours) })
    const listed = { source: 'claude', key: 'agent_both', name: 'Poster', verified: true } as const
    await note(db, [{ ...listed, detail: { version: '3', claims_to_be: 'x' }, ...at(1) }], later(1))
    const csv = 'key,claude_agent_id,owner,note,seen_at\nbot-9,agent_both,marketing,ours,2026-11-01T08:00:00Z\n'
    await importFindings(await security(db, later(2)), { text: csv, format: 'csv' })
    const said = { imported_as: 'bot-9', owner: 'marketing', note: 'ours' }
    expect(await find(db, 'agent_both')).toMatchObject({
      name: 'Poster',
      detail: { ...said, version: '3', claims_to_be: 'x' },
      // Seen earlier, too, and last when it was listed.
      firstSeenAt: new Date('2026-11-01T08:00:00Z'),
      lastSeenAt: later(1),
    })
    await note(db, [{ ...listed, detail: { version: '4' }, ...at(3) }], later(3))
    expect((await find(db, 'agent_both'))?.detail).toEqual({ ...said, version: '4' })
    // The token endpoint knows no name.
    await note(db, [{ ...listed, name: 'agent_both', detail: { issuer: 'https://claude.test' } }], later(4))
    expect(await find(db, 'agent_both')).toMatchObject({ name: 'Poster', detail: { ...said, version: '4' } })
  },
)

dbTest('an import is taken whole or not at all, with the line of each problem', async ({ db }) => {
  const ctx = await security(db)
  const csv = [
    'key,name,claude_agent_id,owner,note,seen_at',
    'cron-7,Nightly report,,finance,"runs with',
    'a shared key",2026-11-01T08:00:00Z',
    'bot-1,,agent_of_marketing,,,',
  ].join('\n')
  expect(await importFindings(ctx, { text: csv, format: 'csv' })).toEqual({ rows: 2, added: 2, seenAgain: 0 })
  expect(await lastEvent(db)).toMatchObject({ event: 'unregistered.imported', detail: { rows: 2, added: 2 } })
  expect(await find(db, 'cron-7')).toMatchObject({
    source: 'import',
    verified: true,
    firstSeenAt: new Date('2026-11-01T08:00:00Z'),
  })
  expect(await find(db, 'agent_of_marketing')).toMatchObject({ source: 'claude', name: 'bot-1' })
  const json = JSON.stringify([{ key: 'cron-7' }, { key: 'lambda-2', name: 'Lambda' }], null, 2)
  expect(await importFindings(ctx, { text: json, format: 'json' })).toEqual({ rows: 2, added: 1, seenAgain: 1 })

  const before = await db.unregisteredAgent.count()
  const bad: [string, 'csv' | 'json', number, RegExp][] = [
    ['key,name\nok,Fine\n,Without a key\n', 'csv', 3, /key/],
    ['key,nmae\nok,Fine\n', 'csv', 2, /nmae/],
    ['key,seen_at\nok,yesterday\n', 'csv', 2, /seen_at/],
    ['key,name\nok,Fine,too many\n', 'csv', 2, /./],
    ['key\none\ntwo\none\n', 'csv', 4, /on line 2 already/],
    ['', 'csv', 1, /no finding/],
    ['[\n  { "key": "a" },\n  { "name": "b" }\n]', 'json', 3, /key/],
    ['[\n  { "key": "a" },\n  { "key": }\n]', 'json', 3, /JSON/],
    ['{ "key": "a" }', 'json', 1, /array/],
    ['- key: a\n', 'json', 1, /JSON/],
    ['x'.repeat(1_000_001), 'csv', 1, /characters/],
    [`${'['.repeat(5000)}${']'.repeat(5000)}`, 'json', 1, /./],
  ]
  for (const [text, format, line, message] of bad) {
    const refused: unknown = await importFindings(ctx, { text, format }).catch((error: unknown) => error)
    expect([text.slice(0, 60), refused]).toMatchObject([text.slice(0, 60), { code: 'invalid', details: { line } }])
    expect((refused as Error).message).toMatch(message)
  }
  expect(await db.unregisteredAgent.count()).toBe(before)
})

dbTest('what callers only claim cannot fill the table, and what nobody sees any more is forgotten', async ({ db }) => {
  const many = Array.from({ length: claimedMax + 50 }, (_, at) => caller(`flood-${at}`))
  await note(db, many)
  expect(await db.unregisteredAgent.count({ where: { verified: false } })).toBeLessThanOrEqual(claimedMax + 1)
  expect((await find(db, othersKey))?.count).toBeGreaterThanOrEqual(50)
  await note(db, [caller('vouched-for', { verified: true })])
  expect(await find(db, 'https://idp.test vouched-for')).not.toBeNull()
  await forgetUnregistered({ ...ctxFor(db), now: later(40 * 24) })
  expect(await db.unregisteredAgent.count({ where: { verified: false } })).toBe(0)
  expect(await find(db, 'https://idp.test vouched-for')).not.toBeNull()
})

dbTest('pages go on where the last one ended, and a cursor of nobody is refused', async ({ db }) => {
  const ctx = await reader(db)
  await note(
    db,
    Array.from({ length: 5 }, (_, at) => caller(`page-${at}`, { verified: true, at: later(100 + at) })),
  )
  const first = await listUnregistered(ctx, unregisteredQuery.parse({ limit: '2', source: 'broker' }))
  const second = await listUnregistered(
    ctx,
    unregisteredQuery.parse({ limit: '2', source: 'broker', cursor: first.nextCursor }),
  )
  expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(['page-4', 'page-3', 'page-2', 'page-1'])
  const wrong = listUnregistered(ctx, unregisteredQuery.parse({ cursor: "x'; drop table" }))
  await expect(wrong).rejects.toMatchObject({ code: 'invalid' })
})
