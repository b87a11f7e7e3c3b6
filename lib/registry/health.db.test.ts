import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { recordServerHealth } from './commands.ts'
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
