import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import type { RunState } from '#lib/db/generated/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { acknowledgeStop, enforceStops, orderStop, releaseStop } from './commands.ts'
import { blastRadius, listStops, openStops } from './queries.ts'

const reason = 'leaking invoices'

describe('orderStop', () => {
  dbTest('stops the open runs it covers and no others, each with its job and audit event', async ({ db }) => {
    const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'], name: 'Olga' }))
    const hit = await makeAgent(db)
    const spared = await makeAgent(db)
    const queued = await makeRun(db, hit.id, 'queued')
    const running = await makeRun(db, hit.id, 'running')
    const ended = await makeRun(db, hit.id, 'succeeded')
    const other = await makeRun(db, spared.id, 'running')

    const outcome = await orderStop(onCall, { scope: 'agent', targetId: hit.id, reason })

    expect(outcome).toMatchObject({ ok: true, value: { runs: 2 } })
    expect(await statesOf(db, [queued, running, ended, other])).toEqual([
      'stopping',
      'stopping',
      'succeeded',
      'running',
    ])
    expect(await stopJobs(db, [queued, running, ended, other])).toEqual([queued, running].toSorted())
    expect(await auditOf(db, hit.id)).toMatchObject([
      { event: 'stop.ordered', detail: { scope: 'agent', reason } },
      { event: 'run.stop_requested', rule: 'killed' },
      { event: 'run.stop_requested', rule: 'killed' },
    ])
    expect(await openStops(onCall)).toMatchObject([
      { scope: 'agent', targetId: hit.id, reason, orderedBy: { name: 'Olga' }, openRuns: 2, stoppedRuns: 0 },
    ])
  })

  dbTest('two at once on one target: one orders, the other is told who was first', async ({ db }) => {
    const { id } = await makeAgent(db)
    const people = await Promise.all(['Ada', 'Bob'].map((name) => makePerson(db, { roles: ['security'], name })))
    const outcomes = await Promise.all(
      people.map((person) => orderStop(ctxFor(db, person), { scope: 'agent', targetId: id, reason })),
    )
    const [first, second] = [outcomes.find((outcome) => outcome.ok), outcomes.find((outcome) => !outcome.ok)]
    expect(first).toBeDefined()
    expect(second).toMatchObject({ error: { reason: 'already_stopped', orderId: first?.ok && first.value.orderId } })
    expect(await db.stopOrder.count({ where: { targetId: id } })).toBe(1)
  })

  dbTest('a team, the organization, a server and a tool reach what they name', async ({ db }) => {
    const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }))
    const [mine, other] = [await makeAgent(db), await makeAgent(db)]
    const runs = [await makeRun(db, mine.id, 'running'), await makeRun(db, other.id, 'running')]
    const { serverId } = await makeServer(db, other.id)
    expect(await orderStop(onCall, { scope: 'server', targetId: serverId, reason })).toMatchObject({
      value: { runs: 0 },
    })
    expect(await orderStop(onCall, { scope: 'tool', targetId: `${serverId}/wipe`, reason })).toMatchObject({
      value: { runs: 0 },
    })
    expect(await statesOf(db, runs)).toEqual(['running', 'running'])
    expect(await orderStop(onCall, { scope: 'team', targetId: mine.teamId, reason })).toMatchObject({
      value: { runs: 1 },
    })
    expect(await statesOf(db, runs)).toEqual(['stopping', 'running'])
    await orderStop(onCall, { scope: 'organization', reason })
    expect(await statesOf(db, runs)).toEqual(['stopping', 'stopping'])
  })

  dbTest('needs stops:order, and a target that exists', async ({ db }) => {
    const { id } = await makeAgent(db)
    const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
    await expect(orderStop(builder, { scope: 'agent', targetId: id, reason })).rejects.toMatchObject({
      code: 'forbidden',
    })
    const misspelt = orderStop(ctxFor(db), { scope: 'agent', targetId: 'invoce-reconciler', reason })
    await expect(misspelt).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('releaseStop', () => {
  dbTest('ends the order, restarts nothing, and is told when somebody else was first', async ({ db }) => {
    const { id } = await makeAgent(db)
    const run = await makeRun(db, id, 'running')
    const outcome = await orderStop(ctxFor(db), { scope: 'agent', targetId: id, reason })
    const orderId = outcome.ok ? outcome.value.orderId : ''
    const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
    await expect(releaseStop(builder, { orderId, reason: 'fixed' })).rejects.toMatchObject({ code: 'forbidden' })
    const security = ctxFor(db, await makePerson(db, { roles: ['security'], name: 'Sven' }))
    const releases = await Promise.all([
      releaseStop(security, { orderId, reason: 'fixed' }),
      releaseStop(security, { orderId, reason: 'fixed' }),
    ])
    expect(releases.filter((release) => release.ok)).toHaveLength(1)
    expect(releases.find((release) => !release.ok)).toMatchObject({
      error: { reason: 'already_released', releasedBy: 'Sven' },
    })
    expect(await statesOf(db, [run])).toEqual(['stopping'])
    expect((await auditOf(db, id)).at(-1)).toMatchObject({
      event: 'stop.released',
      detail: { orderId, reason: 'fixed' },
    })
    expect((await listStops(security, { open: false, limit: 10 }))[0]).toMatchObject({
      id: orderId,
      releaseReason: 'fixed',
    })
    expect(await orderStop(ctxFor(db), { scope: 'agent', targetId: id, reason: 'again' })).toMatchObject({ ok: true })
  })
})

describe('enforcement', () => {
  dbTest('a run that missed the order is caught', async ({ db }) => {
    const { id } = await makeAgent(db)
    const order = await orderStop(ctxFor(db), { scope: 'agent', targetId: id, reason })
    const late = await makeRun(db, id, 'queued')
    const marked = await enforceStops(ctxFor(db))
    expect(marked).toContainEqual({ orderId: order.ok && order.value.orderId, runs: 1 })
    expect(await statesOf(db, [late])).toEqual(['stopping'])
    expect(await stopJobs(db, [late])).toEqual([late])
    await expect(enforceStops(ctxFor(db, await makePerson(db)))).rejects.toMatchObject({ code: 'forbidden' })
  })

  dbTest(
    'an order waits for nobody who holds a run: it is in force at once, and the run is marked afterwards',
    async ({ db }) => {
      const { id } = await makeAgent(db)
      const [held, free] = [await makeRun(db, id, 'running'), await makeRun(db, id, 'running')]
      const orderId = await db.$transaction(async (tx) => {
        await tx.$queryRaw`select 1 from "Run" where "id" = ${held}::uuid for update`
        const order = await orderStop(ctxFor(db), { scope: 'agent', targetId: id, reason })
        expect(order).toMatchObject({ ok: true, value: { runs: 1 } })
        expect(await statesOf(db, [held, free])).toEqual(['running', 'stopping'])
        return order.ok && order.value.orderId
      })
      expect(await enforceStops(ctxFor(db))).toContainEqual({ orderId, runs: 1 })
      expect(await statesOf(db, [held])).toEqual(['stopping'])
    },
  )

  dbTest('a process acknowledges once, with an audit event', async ({ db }) => {
    const { id } = await makeAgent(db)
    const order = await orderStop(ctxFor(db), { scope: 'agent', targetId: id, reason })
    const ack = { orderId: order.ok ? order.value.orderId : '', process: 'worker', instance: 'w1' } as const
    await Promise.all([1, 2].map((runs) => acknowledgeStop(ctxFor(db), { ...ack, detail: { runs } })))
    const [view] = await openStops(ctxFor(db))
    expect(view?.acks).toHaveLength(1)
    expect((await auditOf(db, id)).filter((row) => row.event === 'stop.acknowledged')).toHaveLength(1)
    const person = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
    await expect(acknowledgeStop(person, { ...ack, detail: {} })).rejects.toMatchObject({ code: 'forbidden' })
  })
})

describe('tasks at servers', () => {
  dbTest('are counted by the orders that cover them, and named until they are proven over', async ({ db }) => {
    const { id, teamId } = await makeAgent(db)
    const { id: other } = await makeAgent(db)
    const { serverId } = await makeServer(db, id)
    const at = { serverId, tool: 'look' }
    const orders: Record<string, string> = {}
    for (const [scope, targetId] of [
      ['agent', id],
      ['team', teamId],
      ['server', serverId],
      ['tool', `${serverId}/look`],
      ['tool', `${serverId}/wipe`],
      ['agent', other],
    ] as const) {
      const order = await orderStop(ctxFor(db), { scope, targetId, reason })
      orders[`${scope} ${targetId}`] = order.ok ? order.value.orderId : ''
    }
    const expiresAt = new Date(Date.now() + 60_000)
    const note = (key: string, more = {}) =>
      db.brokeredTask.create({ data: { key, taskId: key, expiresAt, agentId: id, agentVersion: 1, ...at, ...more } })
    await note(`${id}-open`)
    const now = new Date()
    await note(`${id}-over`, { overAt: now, cancelRule: 'killed', cancelledAt: now })
    await note(`${id}-done`, { overAt: now })
    await note(`${id}-gone`, { expiresAt: new Date(Date.now() - 1) })
    const byId = async () =>
      new Map((await listStops(ctxFor(db), { limit: 50 })).map((order) => [order.id, order.tasks]))
    const covered = { over: 1, open: 1, named: [{ agentId: id, ...at }] }
    const nothing = { over: 0, open: 0, named: [] }
    const found = await byId()
    for (const [target, orderId] of Object.entries(orders)) {
      const isCovered = !target.endsWith('/wipe') && !target.endsWith(other)
      expect([target, found.get(orderId)]).toEqual([target, isCovered ? covered : nothing])
    }
    // What goes on after its release is no matter of the order any more.
    const orderId = orders[`agent ${id}`]!
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    expect(await releaseStop(security, { orderId, reason: 'fixed' })).toMatchObject({ ok: true })
    expect((await byId()).get(orderId)).toEqual({ over: 1, open: 0, named: [] })
  })
})

describe('blastRadius', () => {
  dbTest('counts agents, open runs and schedules, and holders for a server', async ({ db }) => {
    const { id, teamId } = await makeAgent(db, { schedule: '0 6 * * *' })
    await makeAgent(db, { ownerTeamId: teamId, status: 'retired' })
    await makeAgent(db, { ownerTeamId: teamId, schedule: '0 6 * * *', scheduleEnabled: false })
    await makeRun(db, id, 'running')
    const { serverId } = await makeServer(db, id)
    const viewer = ctxFor(db, await makePerson(db))
    const team = await blastRadius(viewer, { scope: 'team', targetId: teamId })
    expect([team.agents.total, team.openRuns.total, team.schedules.total, team.stopsRuns]).toEqual([2, 1, 1, true])
    const server = await blastRadius(viewer, { scope: 'server', targetId: serverId })
    expect([server.agents.items.map((agent) => agent.id), server.stopsRuns]).toEqual([[id], false])
    expect((await blastRadius(viewer, { scope: 'tool', targetId: `${serverId}/look` })).agents.total).toBe(1)
    expect((await blastRadius(viewer, { scope: 'tool', targetId: `${serverId}/wipe` })).agents.total).toBe(0)
    const nobody = ctxFor(db, { kind: 'anonymous', id: 'anonymous', name: 'anonymous' })
    await expect(blastRadius(nobody, { scope: 'organization' })).rejects.toMatchObject({ code: 'unauthenticated' })
    await expect(openStops(nobody)).rejects.toMatchObject({ code: 'unauthenticated' })
    await expect(listStops(nobody, { limit: 1 })).rejects.toMatchObject({ code: 'unauthenticated' })
  })
})

dbTest.beforeEach(async ({ db }) => {
  await db.stopOrder.updateMany({ where: { releasedAt: null }, data: { releasedAt: new Date() } })
})

async function makeRun(db: Db, agentId: string, state: RunState): Promise<string> {
  const run = await db.run.create({
    data: { agentId, agentVersion: 1, trigger: 'manual', state, input: '', simulated: true },
  })
  return run.id
}

async function makeServer(db: Db, holder: string): Promise<{ serverId: string }> {
  const serverId = `server-${crypto.randomUUID().slice(0, 8)}`
  const tool = { description: '', inputSchema: {}, annotations: {}, state: 'approved', definitionHash: '' } as const
  await db.mcpServer.create({
    data: {
      id: serverId,
      name: serverId,
      description: '',
      url: 'http://localhost',
      environment: 'staging',
      sensitivity: 'internal',
      tools: {
        create: [
          { ...tool, name: 'look', class: 'read' },
          { ...tool, name: 'wipe', class: 'destructive' },
        ],
      },
      grants: { create: { agentId: holder, class: 'write', reason: '', via: 'template' } },
    },
  })
  return { serverId }
}

async function statesOf(db: Db, ids: string[]): Promise<string[]> {
  const rows = await db.run.findMany({ where: { id: { in: ids } }, select: { id: true, state: true } })
  return ids.map((id) => rows.find((row) => row.id === id)?.state ?? '')
}

async function stopJobs(db: Db, ids: string[]): Promise<string[]> {
  const rows = await db.$queryRaw<{ runId: string }[]>`
    select payload->>'runId' as "runId" from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id where t.identifier = 'stop_run'`
  return rows
    .map((row) => row.runId)
    .filter((id) => ids.includes(id))
    .toSorted()
}
