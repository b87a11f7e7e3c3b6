import fc from 'fast-check'
import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { makeAgent } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import type { GrantFacts } from '#lib/guardrails/rules/facts.ts'
import { useOfRate } from '#lib/guardrails/rules/grant-rate.ts'
import { createLog } from '#lib/log/log.ts'
import { GrantRates } from './grant-rates.ts'

const log = createLog({ process: 'broker', level: 'silent' })
const broker = (db: Pick<Db, '$queryRaw'>, waitMs = 5000) => new GrantRates({ db, log, waitMs })
const held = (...grants: GrantFacts[]) => ({ grant: grants.find(({ rate }) => !rate) ?? grants[0]!, grants })

async function grant(db: Db, rate: GrantFacts['rate']): Promise<GrantFacts> {
  const serverId = await makeServer(db)
  const id = await makeGrant(db, { agentId: (await makeAgent(db)).id, serverId, class: 'read' })
  return { id, serverId, class: 'read', toolName: null, via: 'request', expiresAt: null, rate: rate ?? null }
}

test('two brokers together let no more calls through than the rate says, also at once', async ({ db }) => {
  const [one, other] = [broker(db), broker(db)]
  const five = held(await grant(db, { calls: 5, per: 'hour' }))
  const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => (at % 2 ? one : other).take(five)))
  expect(answers.filter((answer) => answer === null)).toHaveLength(5)
  const refused = await other.take(five)
  expect(refused).toMatchObject({ rule: 'grant_rate', facts: { used: 5, calls: 5, per: 'hour' } })
  // One that starts now knows it, too.
  expect(await broker(db).take(five)).toMatchObject({ rule: 'grant_rate' })
})

test('of any minute no more calls than the rate says go through, and the refusal says when the next may', async ({
  db,
}) => {
  const { id } = await grant(db, { calls: 3, per: 'minute' })
  const at = async (ms: number, calls = 3) => {
    const moment = new Date(Date.parse('2026-03-01T12:00:00Z') + ms)
    const [row] = await db.$queryRaw<{ wait: number | null }[]>`
      select grant_use_take(${id}::uuid, ${calls}::integer, 'minute', ${moment}) as "wait"`
    return row!.wait
  }
  expect([await at(0), await at(10_500), await at(20_000)]).toEqual([null, null, null])
  // The first counts until its second is a minute ago.
  expect(await at(30_000)).toBe(31_000)
  expect(await at(60_999)).toBe(1)
  expect(await at(61_000)).toBeNull()
  expect(await at(61_000)).toBe(10_000)
  expect(await at(71_000)).toBeNull()
  // Of a lower rate: until enough of them are a minute ago.
  expect(await at(72_000, 1)).toBe(60_000)
  // A clock that was set back opens nothing.
  expect(await at(40_000)).toBeGreaterThan(0)
})

test('what is said of a use without counting is what counting says', async ({ db }) => {
  const start = Date.parse('2026-03-01T12:00:00Z')
  const steps = fc.array(
    fc.record({
      after: fc.integer({ min: -5000, max: 40_000 }),
      calls: fc.constantFrom(2, 2, 2, 1, 4),
      per: fc.constantFrom(...(['minute', 'minute', 'minute', 'minute', 'minute', 'hour'] as const)),
    }),
    { minLength: 8, maxLength: 20 },
  )
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const { id } = await grant(db, { calls: 2, per: 'minute' })
      let ms = start
      for (const { after, calls, per } of steps) {
        const moment = new Date((ms += after))
        const use = await db.grantUse.findUnique({ where: { grantId: id } })
        const { used, waitMs } = useOfRate(use, { calls, per }, moment)
        const [row] = await db.$queryRaw<{ wait: number | null }[]>`
          select grant_use_take(${id}::uuid, ${calls}::integer, ${per}, ${moment}) as "wait"`
        expect(waitMs).toBe(row!.wait)
        expect(used < calls).toBe(waitMs === null)
        seen.add(waitMs === null ? 'counted' : 'refused')
      }
    }),
    { numRuns: 30, seed: 20261126 },
  )
  expect(seen).toEqual(new Set(['counted', 'refused']))
})

test('a call goes under the grant that has one left; one without a rate counts nothing', async ({ db }) => {
  const rates = broker(db)
  const hourly = await grant(db, { calls: 1, per: 'hour' })
  const both = held(hourly, await grant(db, { calls: 1, per: 'minute' }))
  expect([await rates.take(both), await rates.take(both)]).toEqual([null, null])
  expect(await rates.take(both)).toMatchObject({ rule: 'grant_rate', facts: { retryAfterMs: expect.any(Number) } })
  expect(await rates.take(held(hourly, await grant(db, null)))).toBeNull()
  // A higher rate of the same grant leaves room at once.
  expect(await rates.take(held({ ...hourly, rate: { calls: 2, per: 'hour' } }))).toBeNull()
})

test('what cannot be counted does not go: a database that fails, and one that does not answer', async ({ db }) => {
  const once = held(await grant(db, { calls: 1, per: 'hour' }))
  const failing = broker({ $queryRaw: () => Promise.reject(new Error('gone')) } as unknown as Db)
  expect(await failing.take(once)).toMatchObject({ rule: 'rate_unavailable' })
  const silent = broker({ $queryRaw: () => new Promise(() => {}) } as unknown as Db, 20)
  expect(await silent.take(once)).toMatchObject({ rule: 'rate_unavailable' })
  // It was not used up, so nothing is remembered of it.
  expect(await broker(db).take(once)).toBeNull()
})
