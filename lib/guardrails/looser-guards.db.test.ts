import { expect } from 'vitest'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { confirmLoosening, setServerBoundary, withdrawLoosening } from '#lib/registry/commands.ts'
import { listLoosenings } from '#lib/registry/queries.ts'
import { countingText, loosenedFacts, looseningText, type LooseningView } from '#lib/registry/schema/loosenings.ts'
import { setServerGuards } from './commands.ts'
import { getServerGuards } from './queries/server-guards.ts'
import { limitsOfBrokers } from './rules/request-limits.ts'

const now = new Date('2026-11-22T10:00:00Z')
const brokers = limitsOfBrokers({
  agent: 50,
  server: 500,
  resultBytesMax: 1_000_000,
  streamBytesMax: 1_000_000,
  spendingAgeMsMax: 0,
})

/** Of those of one moment nobody says which came first. */
const order = ({ what }: LooseningView) => loosenedFacts.indexOf(what)

async function world(db: Db, stdio = false) {
  const serverId = await makeServer(db)
  const pace = { callsPerSecond: 20, callDeadlineSeconds: 30 }
  const strict = { maskSecrets: true, blockMarked: true, resultBytesMax: 4096, resultDepthMax: 8, ...pace }
  const program = {
    transport: 'stdio',
    url: '',
    command: { command: 'node', args: [], env: [] },
    boundary: 'agent',
  } as const
  await db.mcpServer.update({ where: { id: serverId }, data: { ...strict, ...(stdio ? program : {}) } })
  const person = async (role: Role = 'security') => ctxFor(db, await makePerson(db, { roles: [role] }), now)
  const [one, other] = [await person(), await person('platform_admin')]
  const waiting = async () => (await listLoosenings(one, { serverId })).toSorted((a, b) => order(a) - order(b))
  const guards = () => getServerGuards(one, serverId)
  const boundary = async () => (await db.mcpServer.findUniqueOrThrow({ where: { id: serverId } })).boundary
  const events = async () => (await auditOf(db, serverId)).map(({ event }) => event)
  return { serverId, strict, person, one, other, waiting, guards, boundary, events }
}

dbTest('guards are loosened by two people and tightened by one', async ({ db }) => {
  const { serverId, strict, one, other, waiting, guards, events } = await world(db)
  const faster = { callsPerSecond: 40, callDeadlineSeconds: null }
  const loose = { maskSecrets: false, blockMarked: false, resultBytesMax: 9000, resultDepthMax: null, ...faster }
  // What does not loosen anything counts at once.
  const slower = { ...strict, callDeadlineSeconds: 20 }
  expect(await setServerGuards(one, { serverId, callDeadlineSeconds: 20 })).toMatchObject({ ...slower, waits: false })
  expect(await setServerGuards(one, { serverId, ...loose })).toMatchObject({ ...slower, waits: true })
  expect(await guards()).toMatchObject(slower)
  const open = await waiting()
  expect(open.map((each) => [looseningText(each), countingText(each)])).toEqual([
    ['secrets in its results are not masked', 'secrets are masked'],
    ['marked answers are passed on', 'marked answers are refused'],
    ['results of 9,000 bytes instead of 4,096 bytes', '4,096 bytes count'],
    ['results of as many levels as of any server instead of 8 levels', '8 levels count'],
    ['40 calls a second instead of 20 calls a second', '20 calls a second count'],
    [
      'as many seconds to answer a call as any server has instead of 20 seconds to answer a call',
      '20 seconds to answer a call count',
    ],
  ])
  // The same again is not proposed twice.
  await setServerGuards(one, { serverId, ...loose })
  expect(await waiting()).toEqual(open)
  for (const { id: looseningId } of open) {
    await expect(confirmLoosening(one, { looseningId })).rejects.toMatchObject({
      code: 'forbidden',
      details: { rule: 'registry:own_proposal' },
    })
  }
  expect(await guards()).toMatchObject(slower)
  for (const { id: looseningId } of open) await confirmLoosening(other, { looseningId })
  expect(await guards()).toMatchObject(loose)
  expect(await waiting()).toEqual([])
  expect(await events()).toEqual([
    'server.updated',
    ...Array<string>(6).fill('server.loosening_proposed'),
    ...Array.from({ length: 6 }, () => ['server.loosening_confirmed', 'server.updated']).flat(),
  ])
  // And back by one.
  expect(await setServerGuards(one, { serverId, ...strict }, brokers)).toMatchObject({ ...strict, waits: false })
  expect(await guards()).toMatchObject(strict)
})

dbTest('what was proposed of a guard ends when the guard is set otherwise, or it is withdrawn', async ({ db }) => {
  const { serverId, one, other, person, waiting, guards, events } = await world(db)
  await setServerGuards(one, { serverId, resultBytesMax: 9000, maskSecrets: false })
  await setServerGuards(other, { serverId, resultBytesMax: 2048 })
  expect(await waiting()).toMatchObject([{ what: 'mask_secrets' }])
  await setServerGuards(other, { serverId, maskSecrets: true })
  expect(await waiting()).toEqual([])
  expect((await events()).filter((event) => event === 'server.loosening_ended')).toHaveLength(2)
  await setServerGuards(one, { serverId, blockMarked: false })
  const [open] = await waiting()
  for (const role of ['builder', 'team_lead', 'finance', 'on_call'] as const) {
    for (const command of [confirmLoosening, withdrawLoosening]) {
      await expect(command(await person(role), { looseningId: open!.id })).rejects.toMatchObject({
        details: { permission: 'servers:manage' },
      })
    }
  }
  await withdrawLoosening(one, { looseningId: open!.id })
  await expect(confirmLoosening(other, { looseningId: open!.id })).rejects.toMatchObject({ code: 'conflict' })
  expect(await guards()).toMatchObject({ maskSecrets: true, blockMarked: true, resultBytesMax: 2048 })
})

dbTest(
  'of a guard that changed since nothing is confirmed, and of two who confirm at once one does',
  async ({ db }) => {
    const { serverId, one, other, person, waiting, guards } = await world(db)
    await setServerGuards(one, { serverId, resultBytesMax: 9000, maskSecrets: false })
    await db.mcpServer.update({ where: { id: serverId }, data: { resultBytesMax: 1024 } })
    const [masking, size] = await waiting()
    await expect(confirmLoosening(other, { looseningId: size!.id })).rejects.toMatchObject({
      code: 'conflict',
      details: { rule: 'registry:server_changed' },
    })
    const both = [other, await person()].map((ctx) => confirmLoosening(ctx, { looseningId: masking!.id }))
    const outcomes = await Promise.allSettled(both)
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(await guards()).toMatchObject({ maskSecrets: false, resultBytesMax: 1024 })
  },
)

dbTest('a process that more may share takes two people, one that fewer share one', async ({ db }) => {
  const { serverId, one, other, waiting, boundary, events } = await world(db, true)
  expect(await setServerBoundary(one, { serverId, boundary: 'server' })).toEqual({ waits: true })
  expect(await setServerBoundary(one, { serverId, boundary: 'team' })).toEqual({ waits: true })
  expect(await boundary()).toBe('agent')
  const open = await waiting()
  // Another wish took the place of the first.
  expect(open.map(looseningText)).toEqual(['one process for each team instead of one process for each agent'])
  await expect(confirmLoosening(one, { looseningId: open[0]!.id })).rejects.toMatchObject({ code: 'forbidden' })
  await confirmLoosening(other, { looseningId: open[0]!.id })
  expect(await boundary()).toBe('team')
  expect(await setServerBoundary(one, { serverId, boundary: 'agent' })).toEqual({ waits: false })
  expect(await boundary()).toBe('agent')
  expect(await events()).toEqual([
    'server.loosening_proposed',
    'server.loosening_ended',
    'server.loosening_proposed',
    'server.loosening_confirmed',
    'server.updated',
    'server.updated',
  ])
})
