import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import type { ArgumentObservation, ArgumentProfile } from '#lib/registry/schema/argument-profile.ts'
import { forgetTraffic, rollUpTraffic } from './commands.ts'

const at = (db: Db, now = new Date()) => ctxFor(db, systemActor('worker'), now)
const monday = '2026-11-23T00:00:00Z'
const sunday = '2026-11-22T23:59:59.999Z'

type Call = { when?: string; facts?: ArgumentObservation; outcome?: string }

async function scene(db: Db, dataClasses: string[] = []) {
  const { id: agentId } = await makeAgent(db)
  const serverId = await makeServer(db, { tools: { look: 'read' } })
  await db.mcpServer.update({ where: { id: serverId }, data: { dataClasses } })
  const record = async (...calls: Call[]) => {
    for (const { when = monday, facts, outcome = 'ok' } of calls) {
      await db.$executeRaw`with id as (select gen_random_uuid() as "id"),
        observed as (insert into "ArgumentObservation" select "id", ${JSON.stringify(facts ?? {})}::json from id where ${facts !== undefined})
        select audit_append(jsonb_build_array(jsonb_build_object('id', "id", 'at', ${when}::text, 'event', 'mcp.call_allowed', 'actorKind', 'agent', 'actorId', 'a', 'actorName', 'A',
          'subjectKind', 'tool', 'subjectId', 't', 'subjectName', 't', 'agentId', ${agentId}::text, 'teamId', null, 'serverId', ${serverId}::text, 'tool', 'look', 'runId', null,
          'decision', 'allow', 'rule', null, 'requestId', null, 'detail', jsonb_build_object('outcome', ${outcome}::text, 'ms', 1))), false) from id`
    }
  }
  const profiles = () => db.argumentProfile.findMany({ where: { agentId }, orderBy: { week: 'asc' } })
  return { agentId, serverId, record, profiles }
}
const value = (...values: (string | number)[]): ArgumentObservation => ({ '/a': { values } })

dbTest(
  'what calls had is added up by week, each call once, whoever asks; of the single calls nothing is left',
  async ({ db }) => {
    const { record, profiles } = await scene(db)
    await record({ when: sunday, facts: value('x1') }, { facts: value('x1') }, { facts: value('x2') })
    await Promise.all([rollUpTraffic(at(db)), rollUpTraffic(at(db))])
    await record({ facts: value('x2') }, { facts: {} })
    await rollUpTraffic(at(db))
    await rollUpTraffic(at(db))
    const [first, second] = await profiles()
    expect(first).toMatchObject({ week: new Date('2026-11-16'), calls: 1, known: 1, unknown: 0 })
    expect(second).toMatchObject({
      week: new Date('2026-11-23'),
      calls: 4,
      known: 4,
      unknown: 0,
      firstAt: new Date(monday),
    })
    // Of four calls one had nothing there.
    const { '/a': path } = second!.paths as ArgumentProfile['paths']
    expect(path).toMatchObject({ calls: 3, prefix: 'x' })
    expect(new Map(path!.values)).toEqual(
      new Map([
        ['x1', 1],
        ['x2', 2],
      ]),
    )
    expect(await db.argumentObservation.count()).toBe(0)
  },
)

dbTest(
  'calls of which nothing is known are counted as such, and parts of calls are looked at without being counted',
  async ({ db }) => {
    const { record, profiles } = await scene(db)
    await record({ facts: value('x') }, {}, { facts: value('y'), outcome: 'task' }, { outcome: 'asked' })
    await rollUpTraffic(at(db))
    expect(await profiles()).toMatchObject([{ calls: 2, unknown: 1, known: 2, paths: { '/a': { calls: 2 } } }])
  },
)

dbTest('more calls than are read at once are one profile', async ({ db }) => {
  const { agentId, serverId, record, profiles } = await scene(db)
  const calls = 20_003
  await db.$executeRaw`
    select audit_append((select jsonb_agg(jsonb_build_object('id', gen_random_uuid(), 'at', ${monday}::text, 'event', 'mcp.call_allowed', 'actorKind', 'agent', 'actorId', 'a', 'actorName', 'A',
      'subjectKind', 'tool', 'subjectId', 't', 'subjectName', 't', 'agentId', ${agentId}::text, 'teamId', null, 'serverId', ${serverId}::text, 'tool', 'look', 'runId', null,
      'decision', 'allow', 'rule', null, 'requestId', null, 'detail', jsonb_build_object('outcome', 'ok', 'ms', 1))) from generate_series(1, ${calls}::int)), false)`
  await db.$executeRaw`
    insert into "ArgumentObservation" ("eventId", "facts")
    select "id", json_build_object('/a', json_build_object('values', json_build_array("seq" % 2))) from "AuditEvent" where "agentId" = ${agentId}`
  await record({ facts: value(0) })
  await rollUpTraffic(at(db))
  const [profile, ...more] = await profiles()
  expect(more).toEqual([])
  expect(profile).toMatchObject({ calls: calls + 1, known: calls + 1, unknown: 0 })
  const { '/a': path } = profile!.paths as ArgumentProfile['paths']
  expect(path).toMatchObject({ calls: calls + 1, range: [0, 1] })
  expect(path!.values!.reduce((sum, [, times]) => sum + times, 0)).toBe(calls + 1)
  expect(await db.argumentObservation.count()).toBe(0)
})

dbTest(
  'no call is counted before what its arguments were like is known, whoever is about to add that up',
  async ({ db }) => {
    const { agentId, record, profiles } = await scene(db)
    const counted = () => db.agentToolDay.aggregate({ where: { agentId }, _sum: { calls: true } })
    await record({ facts: value('x') }, { facts: value('y') })
    await db.$transaction(async (tx) => {
      await tx.$queryRaw`select 1 from "TrafficCursor" where "id" = 2 for update`
      expect(await rollUpTraffic(at(db))).toMatchObject({ more: false })
      expect(await counted()).toMatchObject({ _sum: { calls: null } })
    })
    // A worker of a release before this one has counted both so far and keeps its one cursor only.
    await db.$executeRaw`update "TrafficCursor" set "seq" = (select "seq" - 1 from "AuditHead") where "id" = 1`
    await Promise.all([rollUpTraffic(at(db)), rollUpTraffic(at(db))])
    expect(await counted()).toMatchObject({ _sum: { calls: 1 } })
    expect(await profiles()).toMatchObject([{ calls: 1, known: 1 }])
  },
)

dbTest('what cannot be added up fails when the counting beside it has ended', async ({ db }) => {
  const { agentId, record } = await scene(db)
  await record({ facts: value('x') })
  await rollUpTraffic(at(db))
  await db.agentToolDay.deleteMany({ where: { agentId } })
  await db.$executeRaw`update "TrafficCursor" set "seq" = (select "seq" - 1 from "AuditHead") where "id" = 1`
  await record({ facts: value('y') })
  await db.$executeRaw`alter table "ArgumentObservation" rename to "Gone"`
  const ends: string[] = []
  const failing = await db.$transaction(async (tx) => {
    await tx.$queryRaw`select 1 from "TrafficCursor" where "id" = 1 for update`
    const rolling = rollUpTraffic(at(db)).finally(() => ends.push('failed'))
    rolling.catch(() => {})
    await sleep(300)
    ends.push('let go')
    return { rolling }
  })
  await expect(failing.rolling).rejects.toThrow('ArgumentObservation')
  await db.$executeRaw`alter table "Gone" rename to "ArgumentObservation"`
  expect(ends).toEqual(['let go', 'failed'])
  expect(await db.agentToolDay.findMany({ where: { agentId } })).toMatchObject([{ calls: 1 }])
})

dbTest('of servers with data about people or credentials no text is kept', async ({ db }) => {
  const { record, profiles } = await scene(db, ['personal'])
  await record({ facts: { ...value('Schmidt'), '/n': { values: [7] } } })
  await rollUpTraffic(at(db))
  expect((await profiles())[0]!.paths).toEqual({
    '/a': { calls: 1 },
    '/n': { calls: 1, values: [[7, 1]], range: [7, 7] },
  })
})

dbTest('what nothing looks back to any more is forgotten', async ({ db }) => {
  const { record, profiles } = await scene(db)
  await record({ facts: value('x') })
  await rollUpTraffic(at(db))
  await forgetTraffic(at(db, new Date('2028-02-01T00:00:00Z')))
  expect(await profiles()).toEqual([])
})
