import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { orderStop, releaseStop, withdrawRelease } from './commands.ts'
import { openStops } from './queries.ts'
import { secondPersonMs } from './rules.ts'

const reason = 'It posts to the wrong ledger.'

describe('two people end a stop of everything', () => {
  const stopAll = async (db: Db) => {
    const outcome = await orderStop(ctxFor(db), { scope: 'organization', reason })
    return outcome.ok ? outcome.value.orderId : ''
  }
  const people = async (db: Db) =>
    [
      ctxFor(db, await makePerson(db, { roles: ['on_call'], name: 'Olga' })),
      ctxFor(db, await makePerson(db, { roles: ['security'], name: 'Sven' })),
    ] as const

  dbTest('the first asks and it stays in force, another one confirms', async ({ db }) => {
    const orderId = await stopAll(db)
    const [olga, sven] = await people(db)
    expect(await releaseStop(olga, { orderId, reason: 'all is well' })).toMatchObject({ value: { state: 'waits' } })
    const [open] = await openStops(ctxFor(db))
    expect(open).toMatchObject({
      id: orderId,
      releasedAt: null,
      releaseAsked: { by: { name: 'Olga' }, reason: 'all is well' },
    })
    expect(open!.releaseAsked!.until).not.toBeNull()
    const again = await releaseStop(olga, { orderId, reason: 'please' })
    expect(again).toMatchObject({ ok: false, error: { reason: 'second_person_needed' } })
    expect(await releaseStop(sven, { orderId, reason: 'seen' })).toMatchObject({ value: { state: 'released' } })
    expect(await openStops(ctxFor(db))).toEqual([])
    const where = { event: { startsWith: 'stop.release' } }
    const events = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
    const mine = events.filter(({ detail }) => (detail as { orderId: string }).orderId === orderId)
    expect(mine.map(({ event, actorName }) => [event, actorName])).toEqual([
      ['stop.release_asked', 'Olga'],
      ['stop.release_refused', 'Olga'],
      ['stop.released', 'Sven'],
    ])
    expect(mine[1]).toMatchObject({ decision: 'deny', rule: 'stops:second_person', detail: { reason: 'please' } })
    expect(mine[2]!.detail).toMatchObject({ askedBy: 'Olga', reason: 'seen' })
  })

  dbTest('of two who ask at once one is first and the other ends it', async ({ db }) => {
    const orderId = await stopAll(db)
    const outcomes = await Promise.all(
      (await people(db)).map((who) => releaseStop(who, { orderId, reason: 'all is well' })),
    )
    const states = outcomes.map((outcome) => (outcome.ok ? outcome.value.state : outcome.error.reason))
    expect(states.toSorted()).toEqual(['released', 'waits'])
  })

  dbTest('one who asks twice at once does not end it', async ({ db }) => {
    const orderId = await stopAll(db)
    const [olga] = await people(db)
    const ask = () => releaseStop(olga, { orderId, reason: 'all is well' })
    const outcomes = await Promise.all([ask(), ask()])
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
    expect(await openStops(ctxFor(db))).toHaveLength(1)
  })

  dbTest('what nobody confirms within an hour lapses', async ({ db }) => {
    const orderId = await stopAll(db)
    const [olga, sven] = await people(db)
    await releaseStop(olga, { orderId, reason: 'all is well' })
    const later = { ...sven, now: new Date(olga.now.getTime() + secondPersonMs) }
    expect(await releaseStop(later, { orderId, reason: 'late' })).toMatchObject({ value: { state: 'waits' } })
    const [open] = await openStops(later)
    expect(open!.releaseAsked).toMatchObject({ by: { name: 'Sven' } })
  })

  dbTest('who asked takes that back, nobody else does, and it stays in force', async ({ db }) => {
    const orderId = await stopAll(db)
    const [olga, sven] = await people(db)
    expect(await withdrawRelease(olga, { orderId })).toMatchObject({ error: { reason: 'release_not_asked' } })
    await releaseStop(olga, { orderId, reason: 'all is well' })
    expect(await withdrawRelease(sven, { orderId })).toMatchObject({
      error: { reason: 'not_your_wish', askedBy: 'Olga' },
    })
    const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
    await expect(withdrawRelease(builder, { orderId })).rejects.toMatchObject({ code: 'forbidden' })
    const nothing = { orderId: crypto.randomUUID() }
    await expect(withdrawRelease(olga, nothing)).rejects.toMatchObject({ code: 'not_found' })
    expect(
      (await Promise.all([1, 2].map(() => withdrawRelease(olga, { orderId })))).filter(({ ok }) => ok),
    ).toHaveLength(1)
    const [open] = await openStops(olga)
    expect(open).toMatchObject({ id: orderId, releasedAt: null, releaseAsked: null })
    const last = await db.auditEvent.findFirst({ where: { event: 'stop.release_withdrawn' }, orderBy: { seq: 'desc' } })
    expect(last).toMatchObject({ actorName: 'Olga', detail: { orderId, scope: 'organization' } })
    // Taking back and confirming at once: it ends, or goes on with the other one as the first who asks.
    await releaseStop(olga, { orderId, reason: 'all is well' })
    const [kept, released] = await Promise.all([
      withdrawRelease(olga, { orderId }),
      releaseStop(sven, { orderId, reason: 'seen' }),
    ])
    expect(released).toMatchObject({ ok: true, value: { state: kept.ok ? 'waits' : 'released' } })
    if (kept.ok) await releaseStop(olga, { orderId, reason: 'all is well' })
  })

  dbTest('and no process does', async ({ db }) => {
    const orderId = await stopAll(db)
    await expect(releaseStop(ctxFor(db), { orderId, reason: 'by itself' })).rejects.toMatchObject({ code: 'forbidden' })
  })
})

dbTest.beforeEach(async ({ db }) => {
  await db.stopOrder.updateMany({ where: { releasedAt: null }, data: { releasedAt: new Date() } })
})
