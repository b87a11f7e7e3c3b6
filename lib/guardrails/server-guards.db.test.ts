import { expect } from 'vitest'
import { unchangedSince } from '#lib/web/conditional.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { confirmLoosening } from '#lib/registry/commands.ts'
import { listLoosenings } from '#lib/registry/queries.ts'
import { limitAgentCalls, setServerGuards } from './commands.ts'
import { getAgentCallRate } from './queries/call-rates.ts'
import { getServerGuards, guardsRevision } from './queries/server-guards.ts'
import { limitsOfBrokers } from './rules/request-limits.ts'

const brokers = limitsOfBrokers({
  agent: 50,
  server: 500,
  resultBytesMax: 1_000_000,
  streamBytesMax: 1_000_000,
  spendingAgeMsMax: 0,
})

dbTest(
  'the guards of a server are switched by who manages servers, and each change is recorded once',
  async ({ db }) => {
    const serverId = await makeServer(db)
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    expect(await getServerGuards(security, serverId)).toMatchObject({ maskSecrets: true, blockMarked: false })
    await setServerGuards(security, { serverId, blockMarked: true })
    await setServerGuards(security, { serverId, blockMarked: true })
    expect(await getServerGuards(security, serverId)).toMatchObject({ maskSecrets: true, blockMarked: true })
    expect(await auditOf(db, serverId)).toMatchObject([
      { event: 'server.updated', detail: { before: { blockMarked: false }, after: { blockMarked: true } } },
    ])
    const builder = ctxFor(db, await makePerson(db))
    await expect(setServerGuards(builder, { serverId, maskSecrets: false })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(setServerGuards(security, { serverId: 'none' })).rejects.toMatchObject({ code: 'not_found' })
  },
)

dbTest('limits of a server are set one by one, and taken back by null', async ({ db }) => {
  const serverId = await makeServer(db)
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  await setServerGuards(security, { serverId, callsPerSecond: 900, resultBytesMax: 4096 }, brokers)
  const [fast] = await listLoosenings(security, { serverId })
  const other = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  await confirmLoosening(other, { looseningId: fast!.id })
  await setServerGuards(security, { serverId, callsPerSecond: null, callDeadlineSeconds: 30 }, brokers)
  expect(await getServerGuards(security, serverId)).toEqual({
    maskSecrets: true,
    blockMarked: false,
    callsPerSecond: null,
    callDeadlineSeconds: 30,
    resultBytesMax: 4096,
    resultDepthMax: null,
  })
  expect((await auditOf(db, serverId)).at(-1)).toMatchObject({
    event: 'server.updated',
    detail: { before: { callsPerSecond: 900 }, after: { callsPerSecond: null, callDeadlineSeconds: 30 } },
  })
})

dbTest(
  'the calls of an agent are limited by who may suspend it, with a reason, and each change is recorded once',
  async ({ db }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }))
    const input = { agentId, callsPerSecond: 2, reason: 'It asks in a loop.' }
    await limitAgentCalls(onCall, input)
    await limitAgentCalls(onCall, input)
    expect(await getAgentCallRate(onCall, agentId)).toEqual({ callsPerSecond: 2 })
    expect((await auditOf(db, agentId)).filter(({ event }) => event === 'agent.calls_limited')).toMatchObject([
      { detail: { before: null, after: 2, reason: 'It asks in a loop.' } },
    ])
    const builder = ctxFor(db, await makePerson(db, { teamIds: [teamId] }))
    const otherLead = ctxFor(db, await makePerson(db, { roles: ['team_lead'] }))
    for (const nobody of [builder, otherLead]) {
      await expect(limitAgentCalls(nobody, { ...input, callsPerSecond: null })).rejects.toMatchObject({
        code: 'forbidden',
      })
    }
    await db.agent.update({ where: { id: agentId }, data: { status: 'retired' } })
    await expect(limitAgentCalls(onCall, { ...input, callsPerSecond: null })).rejects.toMatchObject({
      code: 'conflict',
      details: { rule: 'lifecycle:retired' },
    })
    await expect(limitAgentCalls(onCall, { ...input, agentId: 'none' })).rejects.toMatchObject({ code: 'not_found' })
  },
)

dbTest('of two who change the limits that both have seen, one does, and the other looks again', async ({ db }) => {
  const serverId = await makeServer(db)
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const seen = (await guardsRevision(db, serverId, false))!
  const asSeen = () => unchangedSince(security, { read: guardsRevision, id: serverId }, seen)
  const outcomes = await Promise.allSettled([
    setServerGuards(asSeen(), { serverId, callsPerSecond: 5 }, brokers),
    setServerGuards(asSeen(), { serverId, callsPerSecond: 400 }, brokers),
  ])
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'precondition_failed' },
  })
  // A tool that is seen again, say, changes nothing of what the card shows.
  const now = (await guardsRevision(db, serverId, false))!
  await db.mcpServer.update({ where: { id: serverId }, data: { updatedAt: new Date(0) } })
  expect(await guardsRevision(db, serverId, false)).toBe(now)
})
