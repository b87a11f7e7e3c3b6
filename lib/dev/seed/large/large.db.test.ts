import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { getAgent, listAgents, listServers } from '#lib/registry/queries.ts'
import { planLargeAgent } from './plan.ts'
import { seedLargeFleet } from './seed-large.ts'

const now = new Date('2026-11-25T10:00:00Z')

dbTest('a large fleet is the same for the same seed, and the catalog has it at once', async ({ db, databaseUrl }) => {
  expect(planLargeAgent(1, 7)).toEqual(planLargeAgent(1, 7))
  expect(planLargeAgent(1, 7)).not.toEqual(planLargeAgent(2, 7))
  const ctx = ctxFor(db, undefined, now)
  expect((await listAgents(ctx)).total).toBe(0)
  const outcome = await seedLargeFleet({ databaseUrl, agents: 300, seed: 1, now })
  expect(await listAgents(ctx)).toMatchObject({ total: 300 })
  // Its history is kept, too, by the database's clock: both questions are about one instant, for grants end meanwhile.
  const { at } = await db.historyHead.findUniqueOrThrow({ where: { id: 1 } })
  const then = new Date(at.getTime() + 1)
  const present = await listAgents(ctxFor(db, undefined, then), { q: 'can:write' })
  const past = { asOf: then.toISOString(), q: 'can:write' }
  expect(await listAgents(ctxFor(db, undefined, then), past)).toMatchObject({ total: present.total })
  expect(outcome.days).toBe(await db.agentDay.count())
  expect(await db.team.count()).toBe(60)
  const servers = await listServers(ctx)
  expect(servers.filter(({ environment }) => environment === 'production')).toHaveLength(8)
  expect(servers).toHaveLength(30)
  const [first] = (await listAgents(ctx, { sort: 'runs', order: 'desc' })).items
  expect(await getAgent(ctx, first!.id)).toMatchObject(first!)
  await expect(seedLargeFleet({ databaseUrl, agents: 1, seed: 1, now })).rejects.toThrow(/already/)
})
