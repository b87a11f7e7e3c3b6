import fc from 'fast-check'
import { expect } from 'vitest'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import {
  agentCount,
  dayBefore,
  fleetChanges,
  fleetNames,
  fleetNow as now,
  fleetTeams,
  makeFleet,
} from '#lib/dev/test/changing-fleet.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import {
  agentFacets,
  completeAgentQuery,
  explainAgentQuery,
  getAgent,
  listAgents,
  matchingAgentIds,
} from '../queries.ts'
import { agentSorts, facetKeys } from '../schema.ts'
import { formatAgentQuery } from '../query/print.ts'
import { anyQuery } from '#lib/dev/test/any-query.ts'

dbTest('facets and completions count what a query with the value finds', async ({ db }) => {
  await makeFleet(db)
  const ctx = ctxFor(db, undefined, now)
  const q = 'can:write -status:retired'
  const facets = await agentFacets(ctx, { q })
  for (const key of facetKeys) {
    for (const { value, count } of facets[key]) {
      const narrowed = key === 'can' ? `can:${value} -status:retired` : `${q} ${key}:${value}`
      expect({ key, value, count }).toEqual({ key, value, count: (await listAgents(ctx, { q: narrowed })).total })
    }
  }
  const { items, from } = await completeAgentQuery(ctx, { q: 'tier:low own' })
  expect({ from, texts: items.map(({ text }) => text) }).toEqual({ from: 9, texts: ['owner:'] })
  for (const typed of [
    'status:active owner:',
    'can:write tool:',
    'server:',
    'idle:',
    'sponsor:',
    '-template:re',
    'drift:',
    'env:production,',
    'data:',
  ]) {
    const completed = await completeAgentQuery(ctx, { q: typed })
    expect({ typed, some: completed.items.length > 0 }).toEqual({ typed, some: true })
    for (const { text, count } of completed.items) {
      if (text.startsWith('-') || text.includes(',')) continue
      const whole = typed.slice(0, completed.from) + text
      expect({ whole, count }).toEqual({ whole, count: (await listAgents(ctx, { q: whole })).total })
    }
  }
})

dbTest(
  'a query finds exactly the agents that it holds for, whatever has changed, and the index never drifts from the tables',
  async ({ db }) => {
    await makeFleet(db)
    const ctx = ctxFor(db, undefined, now)
    const steps = fc.array(
      fc.record({
        change: fc.nat(fleetChanges.length - 1),
        seed: fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
      }),
      { maxLength: 6 },
    )
    const property = fc.asyncProperty(steps, anyQuery(fleetNames), async (steps, query) => {
      for (const { change, seed } of steps) {
        let drawn = 0
        await fleetChanges[change]!(db, (max) => seed[drawn++ % seed.length]! % max)
      }
      const q = formatAgentQuery(query)
      const found = await matchingAgentIds(ctx, { q })
      // Each agent by itself, from its own facts.
      const each = await Promise.all(
        Array.from({ length: agentCount }, (_, at) => explainAgentQuery(ctx, { agentId: `agent-${at}`, q })),
      )
      expect({ q, found }).toEqual({
        q,
        found: each
          .filter(({ matches }) => matches)
          .map(({ agent }) => agent.id)
          .toSorted(),
      })
      expect({ q, kept: await everythingOf(ctx, q) }).toEqual({ q, kept: await everythingOf(await rebuilt(db), q) })
      // One name may be the beginning of another.
      for (const { value, count } of (await agentFacets(ctx)).model)
        expect({ value, count }).toEqual({ value, count: (await listAgents(ctx, { q: `model:${value}` })).total })
    })
    await fc.assert(property, { numRuns: 80 })
    // A row of the list says what the agent's own page says.
    for (const row of (await listAgents(ctx)).items) {
      const view = await getAgent(ctx, row.id)
      expect(view).toMatchObject(row)
    }
  },
  120_000,
)

dbTest('the whole name of a model finds that one alone, a part of it every model that contains it', async ({ db }) => {
  await makeFleet(db)
  const ids = ['model-short', 'model-long', 'model-longer']
  for (const [at, model] of ['claude-small-9', 'claude-small-9-5', 'claude-small-9-5-x'].entries()) {
    const agentId = ids[at]!
    await makeAgent(db, { id: agentId, ownerTeamId: fleetTeams[0]!, templateId: 'reconciler' })
    const of = { templateId: 'reconciler', templateVersion: '1.0.0', layer: {}, digest: crypto.randomUUID() }
    await db.agentVersion.create({ data: { agentId, version: 2, ...of, rendered: { model } } })
    await db.agent.update({ where: { id: agentId }, data: { currentVersion: 2 } })
  }
  const ctx = ctxFor(db)
  const [short, long, longer] = ids
  for (const [q, found] of [
    ['model:claude-small-9', [short]],
    ['model:Claude-Small-9-5', [long]],
    ['model:claude-small', [long, longer, short]],
    ['model:small-9-5', [long, longer]],
    ['model:claude-small-9,claude-small-9-5-x', [longer, short]],
  ] as const) {
    expect({ q, found: await matchingAgentIds(ctx, { q }) }).toEqual({ q, found })
    for (const agentId of ids) {
      const { matches } = await explainAgentQuery(ctx, { agentId, q })
      expect({ q, agentId, matches }).toEqual({ q, agentId, matches: found.some((id) => id === agentId) })
    }
  }
  const facet = (await agentFacets(ctx, { q: 'model:claude-small' })).model
  expect(facet.filter(({ value }) => value.startsWith('claude-small'))).toMatchObject([
    { value: 'claude-small-9', count: 1 },
    { value: 'claude-small-9-5', count: 1 },
    { value: 'claude-small-9-5-x', count: 1 },
  ])
})

dbTest('sorting by scopes goes by the scopes that are shown, whatever else was granted', async ({ db }) => {
  const [shown, hidden, soon] = ['sorted-shown', 'sorted-hidden', 'sorted-soon']
  for (const id of [shown, hidden, soon]) await makeAgent(db, { id, ownerTeamId: fleetTeams[0]! })
  const [on, off] = [await makeServer(db), await makeServer(db)]
  await makeGrant(db, { agentId: shown, serverId: on, class: 'read' })
  await makeGrant(db, { agentId: shown, serverId: on, class: 'write' })
  for (const toolName of ['look', 'change', 'wipe']) {
    await makeGrant(db, { agentId: hidden, serverId: off, class: 'read', toolName })
    await makeGrant(db, { agentId: soon, serverId: on, class: 'read', expiresAt: dayBefore(-1) })
  }
  const order = async (at: Date) => {
    const { items } = await listAgents(ctxFor(db, undefined, at), { q: 'sorted', sort: 'scopes', order: 'desc' })
    return items.map(({ id, scopes }) => `${id} ${scopes.length}`)
  }
  expect(await order(now)).toEqual([`${soon} 3`, `${hidden} 3`, `${shown} 2`])
  await db.mcpServer.update({ where: { id: off }, data: { status: 'disabled' } })
  expect(await order(now)).toEqual([`${soon} 3`, `${shown} 2`, `${hidden} 0`])
  expect(await order(dayBefore(-2))).toEqual([`${shown} 2`, `${soon} 0`, `${hidden} 0`])
})

dbTest('an open transaction sees what it has written, and nobody else does before it commits', async ({ db }) => {
  const ctx = ctxFor(db)
  const { total } = await listAgents(ctx)
  await db.$transaction(async (tx) => {
    await tx.agent.update({ where: { id: 'agent-1' }, data: { purpose: 'uncommitted' } })
    expect((await listAgents({ ...ctx, tx }, { q: 'uncommitted' })).total).toBe(1)
    expect((await listAgents(ctx, { q: 'uncommitted' })).total).toBe(0)
  })
  expect((await listAgents(ctx, { q: 'uncommitted' })).total).toBe(1)
  expect((await listAgents(ctx)).total).toBe(total)
})

dbTest(
  'of fifty registrations at once none fails and none is lost',
  async ({ db }) => {
    const ctx = ctxFor(db)
    const lists: Promise<unknown>[] = []
    await Promise.all(
      Array.from({ length: 50 }, async (_, at) => {
        await makeAgent(db, { id: `crowd-${at}`, ownerTeamId: fleetTeams[0]! })
        lists.push(listAgents(ctx, { q: 'crowd' }))
      }),
    )
    await Promise.all(lists)
    expect((await listAgents(ctx, { q: 'crowd' })).total).toBe(50)
    expect(new Set(await matchingAgentIds(ctx, { q: 'crowd', sort: 'created' })).size).toBe(50)
  },
  60_000,
)

/** Everything the catalog says about a query. */
async function everythingOf(ctx: Ctx, q: string) {
  const orders = await Promise.all(agentSorts.map((sort) => matchingAgentIds(ctx, { q, sort, order: 'desc' })))
  return { list: await listAgents(ctx, { q }), facets: await agentFacets(ctx, { q }), orders }
}

/** A context with an index of its own, built from the tables this moment. */
async function rebuilt(db: Db): Promise<Ctx> {
  const fresh = new Proxy(db, {})
  return ctxFor(fresh, undefined, now)
}
