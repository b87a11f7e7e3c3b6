import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { forgetServerHealth, recordServerHealth } from './commands.ts'
import { listServerHealth } from './queries.ts'

const open = { broker: 'a:7400', state: 'open', failures: 5, lastError: 'it could not be reached' } as const

dbTest('an outage is recorded once when it begins and once when it ends, however many probes fail', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  const serverId = await makeServer(db)
  const retryAt = new Date(ctx.now.getTime() + 5000)
  await recordServerHealth(ctx, { serverId, ...open, retryAt })
  await recordServerHealth(ctx, { serverId, ...open, failures: 6, retryAt })
  expect(await listServerHealth(ctx, serverId)).toMatchObject([{ ...open, failures: 6 }])
  await recordServerHealth(ctx, { serverId, ...open, state: 'closed', failures: 0, retryAt: null })
  const events = (await auditOf(db, serverId)).map((row) => row.event)
  expect(events.toSorted()).toEqual(['server.available', 'server.unavailable'])
})

dbTest('an outage is told also by a broker that was started anew in the middle of one before', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  const serverId = await makeServer(db)
  const later = (minutes: number) => ctxFor(db, ctx.actor, new Date(ctx.now.getTime() + minutes * 60_000))
  await recordServerHealth(ctx, { serverId, ...open, retryAt: ctx.now })
  await recordServerHealth(later(4), { serverId, ...open, retryAt: later(4).now })
  await recordServerHealth(later(60), { serverId, ...open, retryAt: later(60).now })
  const events = (await auditOf(db, serverId)).map((row) => row.event)
  expect(events).toEqual(['server.unavailable', 'server.unavailable'])
})

dbTest('what is known of a server by a broker that is gone is forgotten, and what is long over', async ({ db }) => {
  const [ctx, serverId] = [ctxFor(db), await makeServer(db)]
  const daysAgo = (days: number) => ctxFor(db, undefined, new Date(ctx.now.getTime() - days * 86_400_000))
  const record = (broker: string, days: number, state: 'open' | 'closed') =>
    recordServerHealth(daysAgo(days), {
      ...open,
      serverId,
      broker,
      state,
      retryAt: state === 'open' ? daysAgo(days).now : null,
    })
  await record('gone:1', 1.1, 'open')
  await record('there:1', 0.9, 'open')
  await record('well:1', 31, 'closed')
  await record('well:2', 29, 'closed')
  expect(await forgetServerHealth(ctx)).toBe(2)
  const left = await db.serverHealth.findMany({ where: { serverId }, orderBy: { broker: 'asc' } })
  expect(left.map(({ broker }) => broker)).toEqual(['there:1', 'well:2'])
  const person = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  await expect(forgetServerHealth(person)).rejects.toMatchObject({ code: 'forbidden' })
})

dbTest('an open circuit of a broker that is gone is not shown', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  const serverId = await makeServer(db)
  await recordServerHealth(ctx, { serverId, ...open, retryAt: new Date(ctx.now.getTime() - 600_000) })
  expect(await listServerHealth(ctx, serverId)).toEqual([])
})

dbTest('without the permission health is not recorded', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
  const serverId = await makeServer(db)
  const attempt = recordServerHealth(ctx, { serverId, ...open, retryAt: null })
  await expect(attempt).rejects.toMatchObject({ code: 'forbidden' })
  expect(await auditOf(db, serverId)).toEqual([])
})
