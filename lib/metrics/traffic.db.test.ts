import { describe, expect } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { forgetTraffic, rollUpTraffic } from './commands.ts'
import { agentTraffic, serverTraffic } from './queries.ts'

const now = new Date('2026-11-22T12:30:00Z')
const at = (db: Db, time = now): Ctx => ctxFor(db, undefined, time)

type Outcome = 'ok' | 'tool_error' | 'upstream_error' | 'aborted' | 'asked' | 'input_required' | 'streamed'

async function called(
  db: Db,
  call: { agentId: string; serverId: string; tool: string; outcome?: Outcome; ms?: number; time?: Date },
): Promise<void> {
  const { outcome = 'ok', ms = 20, time = now, ...about } = call
  await inTx(at(db, time), async (tx, ctx) => {
    recordAudit(tx, ctx, {
      event: 'mcp.call_allowed',
      subject: { kind: 'tool', id: `${call.serverId}/${call.tool}`, name: call.tool },
      ...about,
      decision: 'allow',
      detail: { argumentsDigest: 'x', class: 'read', outcome, ms },
    })
  })
}

async function refused(db: Db, call: { agentId: string; serverId: string; tool: string }): Promise<void> {
  await inTx(at(db), async (tx, ctx) => {
    recordAudit(tx, ctx, {
      event: 'mcp.call_denied',
      subject: { kind: 'tool', id: call.tool, name: call.tool },
      ...call,
      decision: 'deny',
      rule: 'grant_missing',
      detail: { argumentsDigest: null, class: null, message: 'no' },
    })
  })
}

describe('traffic', () => {
  dbTest('is added up once, also by two workers at once and by part', async ({ db }) => {
    const { id: agentId } = await makeAgent(db)
    const serverId = await makeServer(db)
    const call = { agentId, serverId, tool: 'look' }
    for (const ms of [5, 20, 20, 800]) await called(db, { ...call, ms })
    await called(db, { ...call, outcome: 'tool_error' })
    await called(db, { ...call, outcome: 'upstream_error', time: new Date('2026-11-22T11:59:59.999Z') })
    await Promise.all([rollUpTraffic(at(db)), rollUpTraffic(at(db))])
    await refused(db, call)
    await rollUpTraffic(at(db))
    await rollUpTraffic(at(db))
    const traffic = await serverTraffic(at(db), { serverId, hours: 24 })
    expect(traffic.totals).toMatchObject({ calls: 6, refused: 1, toolErrors: 1, serverErrors: 1, aborted: 0, held: 0 })
    expect(traffic.series).toHaveLength(24)
    expect(traffic.series.at(-1)).toMatchObject({ at: '2026-11-22T12:00:00.000Z', calls: 5, refused: 1 })
    expect(traffic.series.at(-2)).toMatchObject({ at: '2026-11-22T11:00:00.000Z', calls: 1, serverErrors: 1 })
    expect(traffic.totals.p50Ms).toBeGreaterThan(10)
    expect(traffic.totals.p50Ms).toBeLessThanOrEqual(25)
    expect(traffic.totals.p95Ms).toBeGreaterThan(500)
    expect(traffic.tools).toMatchObject([{ tool: 'look', class: 'read', calls: 6, agents: 1 }])
    expect((await serverTraffic(at(db), { serverId, hours: 168 })).series).toHaveLength(7)
  })

  dbTest('a call whose answer was withheld after its end was on record is one call, broken off', async ({ db }) => {
    const { id: agentId } = await makeAgent(db)
    const serverId = await makeServer(db)
    const about = { agentId, serverId, tool: 'look' }
    await called(db, { ...about, ms: 800 })
    await inTx(at(db), async (tx, ctx) => {
      const subject = { kind: 'tool', id: `${serverId}/look`, name: 'look' } as const
      const detail = { argumentsDigest: 'x', outcome: 'aborted', withheld: true, bytes: 0, ms: 0 } as const
      recordAudit(tx, ctx, { event: 'mcp.result_passed', subject, ...about, rule: 'killed', detail })
    })
    await rollUpTraffic(at(db))
    const { totals } = await serverTraffic(at(db), { serverId, hours: 24 })
    expect(totals).toMatchObject({ calls: 1, aborted: 1 })
    expect(totals.p50Ms).toBeGreaterThan(500)
  })

  dbTest('says until when calls are counted', async ({ db }) => {
    const { id: agentId } = await makeAgent(db)
    const serverId = await makeServer(db)
    const time = new Date('2026-11-22T12:20:00.000Z')
    await called(db, { agentId, serverId, tool: 'look', time })
    await rollUpTraffic(at(db))
    const until = async () => [
      (await agentTraffic(at(db), { agentId, days: 30 })).countedUntil,
      (await serverTraffic(at(db), { serverId, hours: 24 })).countedUntil,
    ]
    // All that is recorded is counted, so what they show is of now.
    expect(await until()).toEqual([now.toISOString(), now.toISOString()])
    await called(db, { agentId, serverId, tool: 'look', time: now })
    expect(await until()).toEqual([time.toISOString(), time.toISOString()])
    expect((await agentTraffic(at(db), { agentId, days: 30 })).servers[0]!.tools[0]!.calls).toBe(1)
    await rollUpTraffic(at(db))
    expect(await until()).toEqual([now.toISOString(), now.toISOString()])
    expect((await agentTraffic(at(db), { agentId, days: 30 })).servers[0]!.tools[0]!.calls).toBe(2)
  })

  dbTest(
    'what a server asks meanwhile is no call, and a streamed result is one with the duration of its end',
    async ({ db }) => {
      const { id: agentId } = await makeAgent(db)
      const serverId = await makeServer(db)
      const call = { agentId, serverId, tool: 'look' }
      await called(db, { ...call, outcome: 'asked' })
      await called(db, { ...call, outcome: 'input_required' })
      await called(db, { ...call, outcome: 'streamed', ms: 5 })
      await inTx(at(db), async (tx, ctx) => {
        recordAudit(tx, ctx, {
          event: 'mcp.result_passed',
          subject: { kind: 'tool', id: 'look', name: 'look' },
          ...call,
          detail: { argumentsDigest: 'x', outcome: 'upstream_error', bytes: 9, ms: 4_000 },
        })
      })
      await rollUpTraffic(at(db))
      const { totals } = await serverTraffic(at(db), { serverId, hours: 1 })
      expect(totals).toMatchObject({ calls: 1, serverErrors: 1 })
      expect(totals.p50Ms).toBeGreaterThan(2_500)
    },
  )

  dbTest(
    'names that a server does not have are counted together, so a caller cannot fill the table',
    async ({ db }) => {
      const { id: agentId } = await makeAgent(db)
      const serverId = await makeServer(db)
      for (let index = 0; index < 5; index += 1) await refused(db, { agentId, serverId, tool: `made-up-${index}` })
      await refused(db, { agentId, serverId: 'no-such-server', tool: 'look' })
      await rollUpTraffic(at(db))
      expect((await serverTraffic(at(db), { serverId, hours: 24 })).tools).toMatchObject([{ tool: '', refused: 5 }])
      expect(await db.toolHour.count({ where: { serverId: 'no-such-server' } })).toBe(0)
    },
  )

  dbTest('says who feeds an agent and whom it feeds', async ({ db }) => {
    const serverId = await makeServer(db)
    const [reader, writer, both] = await Promise.all([makeAgent(db), makeAgent(db), makeAgent(db)])
    await called(db, { agentId: reader.id, serverId, tool: 'look' })
    await called(db, { agentId: writer.id, serverId, tool: 'change' })
    await called(db, { agentId: both.id, serverId, tool: 'look' })
    await called(db, { agentId: both.id, serverId, tool: 'change' })
    await called(db, { agentId: both.id, serverId, tool: 'change' })
    await rollUpTraffic(at(db))
    const ofReader = (await agentTraffic(at(db), { agentId: reader.id, days: 30 })).servers[0]!
    expect(ofReader.feeds).toMatchObject({
      total: 2,
      agents: [
        { id: both.id, calls: 2 },
        { id: writer.id, calls: 1 },
      ],
    })
    expect(ofReader.fed).toEqual({ agents: [], total: 0 })
    const ofWriter = (await agentTraffic(at(db), { agentId: writer.id, days: 30 })).servers[0]!
    expect(ofWriter.tools).toMatchObject([{ tool: 'change', class: 'write', calls: 1, lastAt: now.toISOString() }])
    expect(ofWriter.fed.agents.map(({ id }) => id).toSorted()).toEqual([both.id, reader.id].toSorted())
    expect(ofWriter.feeds.total).toBe(0)
  })

  dbTest('forgets hours and days that nothing shows, and is for those who may', async ({ db }) => {
    const { id: agentId } = await makeAgent(db)
    const serverId = await makeServer(db)
    await called(db, { agentId, serverId, tool: 'look', time: new Date('2026-08-01T00:00:00Z') })
    await called(db, { agentId, serverId, tool: 'look' })
    await rollUpTraffic(at(db))
    const ago = (days: number) => new Date(now.getTime() - days * 86_400_000)
    const day = { agentId, serverId, tool: 'old', lastAt: ago(401) }
    await db.agentToolDay.createMany({
      data: [
        { ...day, day: ago(402) },
        { ...day, day: ago(398) },
      ],
    })
    expect(await forgetTraffic(at(db))).toBe(2)
    expect(await db.toolHour.count({ where: { serverId } })).toBe(1)
    // The day of 1 August stays, as today's and the one within 400 days do.
    expect(await db.agentToolDay.count({ where: { serverId } })).toBe(3)
    const builder = ctxFor(db, await makePerson(db), now)
    await expect(rollUpTraffic(builder)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(forgetTraffic(builder)).rejects.toMatchObject({ code: 'forbidden' })
    const agent = ctxFor(db, { kind: 'agent', id: 'a', name: 'a' }, now)
    await expect(serverTraffic(agent, { serverId, hours: 24 })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(agentTraffic(agent, { agentId, days: 30 })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(serverTraffic(at(db), { serverId: 'none', hours: 24 })).rejects.toMatchObject({ code: 'not_found' })
    await expect(agentTraffic(at(db), { agentId: 'none', days: 30 })).rejects.toMatchObject({ code: 'not_found' })
  })
})
