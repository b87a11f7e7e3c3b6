import { expect } from 'vitest'
import { countUses } from '#lib/auth/commands/rate-limit.ts'
import { permissions as allPermissions } from '#lib/auth/permissions.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { countRequest } from '#lib/web/api-limits.ts'

const env = { WHEELHOUSE_API_READS_PER_MINUTE: '30', WHEELHOUSE_API_WRITES_PER_MINUTE: '3' }
const test = dbTest.extend('portal', { scope: 'file' }, ({ database }) => openApiPortal(database, env))

test('reads and writes of a token are counted apart, told with every answer and refused beyond their number', async ({
  db,
  portal,
}) => {
  const person = await makePerson(db, { roles: ['on_call'] })
  const tokenFor = () => makeToken(db, { personId: person.id, permissions: allPermissions })
  const [token, other] = [await tokenFor(), await tokenFor()]
  const read = (bearer = token) => portal.fetch('/api/v1/me', { token: bearer })
  const first = await read()
  expect(first.headers.get('ratelimit-policy')).toBe('"read";q=30;w=60')
  expect(first.headers.get('ratelimit')).toMatch(/^"read";r=29;t=\d+$/)
  const statuses = await Promise.all(Array.from({ length: 80 }, async () => (await read()).status))
  // The minute may turn meanwhile, and then it is as many again.
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(20)
  const refused = await read()
  if (refused.status === 429) {
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
    expect(refused.headers.get('ratelimit')).toMatch(/^"read";r=0;t=\d+$/)
    expect(await refused.json()).toMatchObject({ rule: 'api:read_rate', retryAfterSeconds: expect.any(Number) })
  }
  expect((await read(other)).status).toBe(200)

  const revoke = () => portal.fetch(`/api/v1/tokens/${crypto.randomUUID()}`, { method: 'DELETE', token })
  const writes = [await revoke(), await revoke(), await revoke(), await revoke(), await revoke(), await revoke()]
  expect(writes[0]?.status).toBe(404)
  expect(writes[0]?.headers.get('ratelimit-policy')).toBe('"write";q=3;w=60')
  expect(writes.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(1)
})

test('stopping is never refused for asking too often', async ({ db, portal }) => {
  const person = await makePerson(db, { roles: ['on_call'] })
  const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
  for (let n = 0; n < 8; n += 1) {
    const { id: targetId } = await makeAgent(db)
    const body = { scope: 'agent', targetId, reason: 'to be tested' }
    expect((await portal.fetch('/api/v1/kill', { method: 'POST', body, token })).status).toBe(201)
  }
})

test('replicas share one count: together they allow no more than the limit', async ({ db }) => {
  const person = await makePerson(db)
  const now = new Date('2026-11-25T12:00:00Z')
  const ask = (at = now) => countRequest(db, { actor: person, policy: 'read', limit: 40, now: at })
  // Another replica has taken a dozen.
  await countUses(db, { key: `api-read:${person.id}`, windowMs: 60_000, now, uses: 12 })
  const uses = await Promise.all(Array.from({ length: 60 }, () => ask()))
  expect(uses.filter(({ remaining }) => remaining >= 0)).toHaveLength(28)
  expect((await ask(new Date(now.getTime() + 60_000))).remaining).toBe(39)
})
