import { expect } from 'vitest'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { recordServerTools, recordToolsUnlisted } from './commands.ts'
import { getServer } from './queries.ts'
import { readListedTools } from './rules/listed-tools.ts'

const look = { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }
const began = Date.parse('2026-11-25T10:00:00Z')

async function world(db: Ctx['db']) {
  const approver = await makePerson(db, { roles: ['security'] })
  const id = await makeServer(db, { tools: {}, approverId: approver.id })
  const at = (minutes: number) => ({ db, actor: systemActor('broker'), now: new Date(began + minutes * 60_000) })
  const fails = (minutes: number, problem = 'it does not answer') =>
    recordToolsUnlisted(at(minutes), { serverId: id, problem })
  const lists = (minutes: number, others: object[] = []) =>
    recordServerTools(at(minutes), {
      serverId: id,
      ...readListedTools([look, ...others]),
      newToolState: 'quarantined',
      seenBy: 'broker',
    })
  const events = async () => (await auditOf(db, id)).filter(({ event }) => event !== 'tool.discovered')
  const listing = async () => (await getServer(ctxFor(db), id)).listing
  return { id, approver, fails, lists, events, listing }
}

dbTest('a list that fails for minutes is told of once, and again when it is back', async ({ db }) => {
  const { approver, fails, lists, events, listing } = await world(db)
  expect(await listing()).toBeNull()
  await lists(0)
  await fails(1)
  await fails(5.9, 'it answers tools/list with the error -32603')
  expect(await events()).toEqual([])
  const since = new Date(began + 60_000).toISOString()
  const message = 'it answers tools/list with the error -32603'
  expect(await listing()).toMatchObject({ listedAt: new Date(began).toISOString(), problem: { message, since } })
  await Promise.all([fails(6), fails(6)])
  await fails(7)
  expect(await events()).toMatchObject([
    { event: 'server.tools_unlisted', detail: { reason: 'it does not answer', since, approverId: approver.id } },
  ])
  await lists(8)
  expect((await events()).map(({ event }) => event)).toEqual(['server.tools_unlisted', 'server.tools_listed'])
  // A moment's trouble is not told of, nor its end.
  await fails(9)
  await lists(10)
  expect(await events()).toHaveLength(2)
})

dbTest('what is left out is told of once, by two brokers at once too, and the first fifty are kept', async ({ db }) => {
  const { approver, lists, events, listing } = await world(db)
  const odd = (count: number, from = 0) =>
    Array.from({ length: count }, (_, index) => ({ name: `tool ${from + index}` }))
  await Promise.all([lists(0, odd(2)), lists(0, odd(2))])
  const reason = 'Its inputSchema is no object.'
  const first = [0, 1].map((index) => ({ name: `tool ${index}`, reason }))
  expect(await events()).toMatchObject([
    { event: 'tool.left_out', detail: { count: 2, first, approverId: approver.id } },
  ])
  await lists(1, odd(70))
  await lists(61, odd(70))
  await lists(122, odd(70))
  expect((await events()).map(({ detail }) => detail)).toMatchObject([
    { count: 2 },
    { count: 70, first: [{ name: 'tool 2' }, {}, {}, {}, { name: 'tool 6' }] },
  ])
  const { leftOut, leftOutTotal } = (await listing())!
  expect([leftOut.length, leftOutTotal]).toEqual([50, 70])
})

dbTest('a list that changes all the time is told of once an hour, and what is still wrong then', async ({ db }) => {
  const { lists, events } = await world(db)
  for (let minute = 0; minute < 60; minute += 5) await lists(minute, [{ name: `tool ${minute}` }])
  expect(await events()).toHaveLength(1)
  await lists(60, [{ name: 'tool 55' }])
  expect(await events()).toMatchObject([
    { detail: { count: 1, first: [{ name: 'tool 0' }] } },
    { detail: { count: 1, first: [{ name: 'tool 55' }] } },
  ])
  // It was well in between: that it is wrong again is news.
  await lists(61)
  await lists(125, [{ name: 'tool 55' }])
  expect(await events()).toHaveLength(3)
})

dbTest('only who may manage servers says how a list fares', async ({ db }) => {
  const { id } = await world(db)
  const ctx = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
  await expect(recordToolsUnlisted(ctx, { serverId: id, problem: 'none' })).rejects.toMatchObject({ code: 'forbidden' })
})
