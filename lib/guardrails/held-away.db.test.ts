import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { beatProcess } from '#lib/registry/commands.ts'
import { endHeldCalls, holdCall } from './commands.ts'
import { getHeldCall } from './queries/held-calls.ts'

const now = new Date('2026-11-22T10:00:00Z')
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000)
const rule = {
  id: null,
  title: 'Changes wait',
  deciderRoles: ['security'],
  excludedDeciders: [],
  decideSeconds: 900,
  onTimeout: 'deny',
} as const

async function world(db: Db) {
  const { id: agentId } = await makeAgent(db)
  const call = exactCall({ agentId, serverId: await makeServer(db) })
  const hold = () => holdCall(ctxFor(db, undefined, now), { source: 'broker', call, class: 'write', rule })
  const person = async () => ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
  return { agentId, call, hold, person }
}

/** Says every few seconds that one broker, or worker, lives, in seconds after `now`. */
async function brokerLives(
  db: Db,
  { since, until, process = 'broker' }: { since: number; until: number; process?: 'broker' | 'worker' },
): Promise<void> {
  for (let at = since; at <= until; at += 5) {
    await beatProcess(ctxFor(db), { process, instance: 'one', at: later(at) })
  }
  await beatProcess(ctxFor(db), { process, instance: 'one', at: later(until) })
}

dbTest(
  'a caller is away only of time in which it could have come back: while there was no broker it stays waited for',
  async ({ db }) => {
    const { hold, person } = await world(db)
    const reader = await person()
    const { heldCallId } = await hold()
    const state = async () => (await getHeldCall(reader, heldCallId)).state
    const endAt = async (seconds: number) => endHeldCalls(ctxFor(db, undefined, later(seconds)))
    // A broker was killed with its caller connected, and a worker is all there is for three minutes.
    await brokerLives(db, { since: -60, until: 0 })
    await brokerLives(db, { since: -60, until: 400, process: 'worker' })
    await endAt(180)
    expect(await state()).toBe('waiting')
    // One is back, also after a gap of its own in which it could not say so: from then on its caller has as long as ever.
    await brokerLives(db, { since: 185, until: 300 })
    await endAt(300)
    expect(await state()).toBe('waiting')
    await brokerLives(db, { since: 300, until: 306 })
    await endAt(306)
    expect(await state()).toBe('cancelled')
    expect((await getHeldCall(reader, heldCallId)).note).toBe('Nobody waits for it any more.')
  },
)

dbTest('what Claude asks about waits for a worker, not for a broker', async ({ db }) => {
  const { call, person, agentId } = await world(db)
  const reader = await person()
  await db.processBeat.deleteMany()
  const run = { agentId, agentVersion: 1, trigger: 'manual', state: 'running', input: '', simulated: false } as const
  const { id: runId } = await db.run.create({ data: run })
  const held = { source: 'claude', call: { ...call, runId }, class: 'write', rule } as const
  const { heldCallId } = await holdCall(ctxFor(db, undefined, now), held)
  await brokerLives(db, { since: -60, until: 200 })
  await brokerLives(db, { since: 199, until: 200, process: 'worker' })
  await endHeldCalls(ctxFor(db, undefined, later(200)))
  expect((await getHeldCall(reader, heldCallId)).state).toBe('waiting')
  await brokerLives(db, { since: 200, until: 320, process: 'worker' })
  await endHeldCalls(ctxFor(db, undefined, later(320)))
  expect((await getHeldCall(reader, heldCallId)).state).toBe('cancelled')
})
