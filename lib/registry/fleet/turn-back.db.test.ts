import fc from 'fast-check'
import pg from 'pg'
import { expect } from 'vitest'
import type { Ctx } from '#lib/auth/ctx.ts'
import { anyQuery } from '#lib/dev/test/any-query.ts'
import { fleetChanges, fleetNames, fleetNow, fleetTeams, makeFleet } from '#lib/dev/test/changing-fleet.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { agentFacets, getAgentAsOf, listAgents, matchingAgentIds } from '../queries.ts'
import { formatAgentQuery } from '../query/print.ts'

const dayMs = 86_400_000
/** By what is kept of the present, by what is read again, by what counts days. */
const sorts = ['name', 'scopes', 'cost', 'active'] as const

dbTest(
  'the fleet of an instant is the same turned back from the fleet of now as read from the records, whatever has changed since',
  async ({ db }) => {
    await makeFleet(db)
    // Fleets of their own, one with its clock before the instants, one beside them, one after grants have ended and days have gone by.
    const clocks = [fleetNow, new Date(), new Date(Date.now() + 40 * dayMs)]
    const present = clocks.map((clock) => ctxFor(new Proxy(db, {}), undefined, clock))
    const instants: string[] = []
    const steps = fc.array(
      fc.record({ change: fc.nat(fleetChanges.length), seed: fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }) }),
      { maxLength: 5 },
    )
    const property = fc.asyncProperty(
      steps,
      anyQuery(fleetNames),
      fc.nat(),
      fc.nat(clocks.length - 1),
      async (steps, query, back, clock) => {
        instants.push((await instant(db)).toISOString())
        for (const { change, seed } of steps) {
          let drawn = 0
          const pick = (max: number): number => seed[drawn++ % seed.length]! % max
          // Beside the changes: somebody new.
          if (change === fleetChanges.length) await makeAgent(db, { ownerTeamId: fleetTeams[pick(3)]! })
          else await fleetChanges[change]!(db, pick)
          instants.push((await instant(db)).toISOString())
        }
        // Each is asked about once: a fleet that is kept has the measurements of when it was read, which are no records.
        const [asOf] = instants.splice(back % instants.length, 1) as [string]
        const q = formatAgentQuery(query)
        const ctx = present[clock]!
        const turned = await everythingOf(ctx, { q, asOf })
        // A transaction has no fleet of now to begin with.
        const read = await db.$transaction((tx) => everythingOf({ ...ctx, tx }, { q, asOf }), { timeout: 60_000 })
        expect({ q, asOf, ...turned }).toEqual({ q, asOf, ...read })
        for (const row of turned.list.items.slice(0, 2)) {
          expect(await getAgentAsOf(ctx, { agentId: row.id, asOf })).toMatchObject(row)
        }
      },
    )
    await fc.assert(property, { numRuns: 50 })
  },
  180_000,
)

dbTest('the fleet of now stays as it is while one of an instant is made from it', async ({ db }) => {
  await makeFleet(db)
  const ctx = ctxFor(new Proxy(db, {}))
  const { id } = await makeAgent(db, { name: 'Solitary heron', ownerTeamId: fleetTeams[0]! })
  const asOf = (await instant(db)).toISOString()
  await db.agent.update({ where: { id }, data: { name: 'Solitary crane', status: 'suspended' } })
  const idsOf = (q: string, asOf?: string) => matchingAgentIds(ctx, { q, ...(asOf ? { asOf } : {}) })
  expect([await idsOf('heron', asOf), await idsOf('crane', asOf)]).toEqual([[id], []])
  expect([await idsOf('heron'), await idsOf('crane status:suspended')]).toEqual([[], [id]])
  await db.agent.update({ where: { id }, data: { name: 'Solitary stork' } })
  expect([await idsOf('stork'), await idsOf('crane'), await idsOf('heron', asOf), await idsOf('stork', asOf)]).toEqual([
    [id],
    [],
    [id],
    [],
  ])
})

dbTest(
  'an instant of another day is answered without the measurements of anybody who is not shown',
  async ({ db, databaseUrl }) => {
    await makeFleet(db)
    const ctx = ctxFor(new Proxy(db, {}), undefined, new Date(Date.now() + 40 * dayMs))
    const { id } = await makeAgent(db, { name: 'Solitary egret', ownerTeamId: fleetTeams[0]! })
    const asOf = (await instant(db)).toISOString()
    await db.agentDay.create({ data: { agentId: id, day: new Date(asOf.slice(0, 10)), runs: 7 } })
    await listAgents(ctx)
    const other = new pg.Client({ connectionString: databaseUrl })
    await other.connect()
    try {
      await other.query('begin')
      await other.query('lock table "AgentDay" in access exclusive mode')
      expect(await matchingAgentIds(ctx, { q: 'egret', asOf })).toEqual([id])
      await other.query('commit')
    } finally {
      await other.end()
    }
    const shown = { items: [{ id, monthlyRuns: 7 }] }
    expect(await listAgents(ctx, { q: 'egret', asOf })).toMatchObject(shown)
    expect(await listAgents(ctx, { q: 'egret runs:>5', asOf })).toMatchObject(shown)
    expect(await listAgents(ctx, { q: 'egret runs:<5', asOf })).toMatchObject({ items: [] })
  },
)

/** Everything the catalog says about a query and an instant. */
async function everythingOf(ctx: Ctx, asked: { q: string; asOf: string }) {
  // Before anybody asks about the figures of all, and after.
  const list = await listAgents(ctx, asked)
  const orders: string[][] = []
  for (const sort of sorts) orders.push(await matchingAgentIds(ctx, { ...asked, sort, order: 'desc' }))
  return { list, again: await listAgents(ctx, asked), facets: await agentFacets(ctx, asked), orders }
}
