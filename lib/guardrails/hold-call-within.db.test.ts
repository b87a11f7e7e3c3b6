import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { cancelHeldCall, holdCallWithin } from './commands.ts'

const rule = {
  id: null,
  title: 'Changes wait',
  deciderRoles: ['security'],
  excludedDeciders: [],
  decideSeconds: 60,
  onTimeout: 'deny',
} as const

async function world(db: Db) {
  const serverId = await makeServer(db)
  const of = async () => {
    const { id: agentId } = await makeAgent(db)
    const call = exactCall({ agentId, serverId })
    const hold = async (word: string, { callsMax = 3, bytesMax = 1_000_000, bytes = word.length } = {}) =>
      holdCallWithin(
        ctxFor(db),
        { source: 'broker', call: { ...call, arguments: { word } }, class: 'write', rule },
        { callsMax, bytesMax, bytes },
      )
    return { agentId, call, hold }
  }
  return { of }
}

dbTest('so many calls of an agent wait and no more, also of many at once; one that waits is found', async ({ db }) => {
  const { of } = await world(db)
  const [one, other] = [await of(), await of()]
  const outcomes = await Promise.all(Array.from({ length: 8 }, (_, at) => one.hold(`word ${at}`)))
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(3)
  expect(outcomes.find(({ ok }) => !ok)).toEqual({ ok: false, error: { of: 'calls', used: 3 } })
  expect(await db.heldCall.count({ where: { agentId: one.agentId } })).toBe(3)
  expect(await db.auditEvent.count({ where: { agentId: one.agentId, event: 'call.held' } })).toBe(3)
  const [known] = await db.heldCall.findMany({ where: { agentId: one.agentId } })
  expect(await one.hold((known!.arguments as { word: string }).word)).toMatchObject({
    ok: true,
    value: { heldCallId: known!.id },
  })
  expect(await other.hold('another agent')).toMatchObject({ ok: true })
  await cancelHeldCall(ctxFor(db), { heldCallId: known!.id, reason: 'Withdrawn.' })
  expect(await one.hold('after one has ended')).toMatchObject({ ok: true })
})

dbTest('the calls of an agent that wait are so long together and no longer', async ({ db }) => {
  const { hold } = await (await world(db)).of()
  const long = () => randomBytes(40_000).toString('hex')
  expect(await hold(long(), { bytesMax: 100_000 })).toMatchObject({ ok: true })
  const refused = await hold(long(), { bytesMax: 100_000 })
  expect(refused).toMatchObject({ ok: false, error: { of: 'bytes' } })
  expect(await hold('short', { bytesMax: 100_000 })).toMatchObject({ ok: true })
})

dbTest('only processes of the platform hold calls', async ({ db }) => {
  const { call } = await (await world(db)).of()
  const held = { source: 'broker', call, class: 'write', rule } as const
  const person = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const limits = { callsMax: 3, bytesMax: 1000, bytes: 1 }
  await expect(holdCallWithin(person, held, limits)).rejects.toThrow('Only processes of the platform do this.')
})
