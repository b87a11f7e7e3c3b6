import { expect } from 'vitest'
import type { Ctx } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { beatProcess, endProcessBeat } from './commands.ts'
import { hasLivedSql } from './queries.ts'

const at = (seconds: number) => new Date(Date.UTC(2026, 5, 1, 12, 0, seconds))

dbTest('as many processes live as say so, until they say they end or are not heard of', async ({ db }) => {
  const beat = (instance: string, seconds: number, process: 'broker' | 'worker' = 'broker') =>
    beatProcess(ctxFor(db), { process, instance, at: at(seconds) })
  expect(await beat('one', 0)).toBe(1)
  expect(await beat('two', 1)).toBe(2)
  expect(await beat('three', 1, 'worker')).toBe(1)
  expect(await beat('one', 9)).toBe(2)
  await endProcessBeat(ctxFor(db), { process: 'broker', instance: 'two' })
  expect(await beat('one', 10)).toBe(1)
  expect(await beat('two', 12)).toBe(2)
  // Killed: nobody hears of it any more.
  expect(await beat('one', 20)).toBe(2)
  expect(await beat('one', 23)).toBe(1)
  await beat('one', 3700)
  expect(await db.processBeat.findMany({ select: { instance: true } })).toEqual([{ instance: 'one' }])
})

dbTest('one that did not say so for a while has lived since it says so again', async ({ db }) => {
  const instance = 'again'
  const beat = (seconds: number) => beatProcess(ctxFor(db), { process: 'worker', instance, at: at(seconds) })
  const hasLived = async (since: number, now: number) => {
    const sql = hasLivedSql(Prisma.sql`'worker'`, { from: at(since), now: at(now) })
    const [row] = await db.$queryRaw<{ lived: boolean }[]>(Prisma.sql`select ${sql} as "lived"`)
    return row!.lived
  }
  await beat(0)
  await beat(10)
  expect([await hasLived(0, 15), await hasLived(0, 21), await hasLived(-1, 15)]).toEqual([true, false, false])
  await beat(21)
  expect([await hasLived(0, 22), await hasLived(21, 22)]).toEqual([false, true])
})

dbTest('two whose clocks differ count each other all the same', async ({ db }) => {
  await db.processBeat.deleteMany()
  const late = ctxFor(db, undefined, new Date(Date.now() - 2 * 3_600_000))
  const one = { process: 'broker', instance: 'one' } as const
  const two = { process: 'broker', instance: 'two' } as const
  await beatProcess(late, one)
  expect(await beatProcess(ctxFor(db), two)).toBe(2)
  expect(await beatProcess(late, one)).toBe(2)
})

dbTest('nobody says so in the place of a process', async ({ db }) => {
  const ctx: Ctx = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  const one = { process: 'broker', instance: 'one' } as const
  await expect(beatProcess(ctx, one)).rejects.toMatchObject({ code: 'forbidden' })
  await expect(endProcessBeat(ctx, one)).rejects.toMatchObject({ code: 'forbidden' })
})
