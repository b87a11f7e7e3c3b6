import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { forgetRateLimits, takeFromRateLimit } from './rate-limit.ts'

const now = new Date('2026-11-22T12:00:30Z')
const use = (key: string, at = now) => ({ key, limit: 3, windowMs: 60_000, now: at })

dbTest('ten at once get exactly as many through as the limit says', async ({ db }) => {
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => takeFromRateLimit(db, use('burst'))))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
})

dbTest('the refusal says when to come back, and the next window starts fresh', async ({ db }) => {
  for (let count = 0; count < 3; count += 1) await takeFromRateLimit(db, use('window'))
  await expect(takeFromRateLimit(db, use('window'))).rejects.toMatchObject({
    code: 'rate_limited',
    details: { retryAfterSeconds: 30 },
  })
  await takeFromRateLimit(db, use('window', new Date('2026-11-22T12:01:00Z')))
  expect(await db.rateLimit.count({ where: { key: 'window' } })).toBe(1)
})

dbTest('one key does not use up what another may', async ({ db }) => {
  for (let count = 0; count < 3; count += 1) await takeFromRateLimit(db, use('mine'))
  await expect(takeFromRateLimit(db, use('yours'))).resolves.toBeUndefined()
})

dbTest(
  'keys that were used once and never again are forgotten, so that strangers cannot fill the table',
  async ({ db }) => {
    const old = new Date(now.getTime() - 3 * 60 * 60_000)
    for (const key of ['stranger-1', 'stranger-2']) await takeFromRateLimit(db, use(key, old))
    await takeFromRateLimit(db, use('recent'))
    expect(await forgetRateLimits(db, now)).toBe(2)
    expect(await db.rateLimit.count({ where: { key: { startsWith: 'stranger' } } })).toBe(0)
    expect(await db.rateLimit.count({ where: { key: 'recent' } })).toBe(1)
  },
)
