import fc from 'fast-check'
import { expect } from 'vitest'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer, makeTemplate } from '#lib/dev/test/registry.ts'
import {
  agentFacets,
  completeAgentQuery,
  explainAgentQuery,
  getAgent,
  listAgents,
  matchingAgentIds,
} from '../queries.ts'
import {
  agentSorts,
  agentStatuses,
  dataClasses,
  environments,
  facetKeys,
  sensitivities,
  tiers,
  toolClasses,
  toolStates,
} from '../schema.ts'
import { formatAgentQuery } from '../query/print.ts'
import { anyQuery } from '#lib/dev/test/any-query.ts'

const now = new Date('2026-11-25T10:00:00Z')
const teams = ['team-a', 'team-b', 'team-c']
const servers = ['erp', 'crm', 'billing']
const versions = ['1.0.0', '1.2.0', '2.0.0']
const names = {
  owner: [...teams, 'team team-a', 'nobody'],
  server: [...servers, 'server erp'],
  tool: ['look', 'change', 'wipe', 'erp/change'],
  template: ['reconciler', 'triage', 'unknown'],
  version: ['1', '1.2.0', '2.0'],
  model: ['opus', 'sonnet', 'claude'],
  sponsor: ['none', 'ada', 'bob'],
  word: ['agent', 'invoice', 'a', 'äß', '7', 'ice re', 'zz'],
}

/** One change of what an agent can be found by; which one and of what is drawn at random. */
type Change = (db: Db, pick: (max: number) => number) => Promise<unknown>

const day = (back: number) => new Date(Date.parse('2026-11-25T00:00:00Z') - back * 86_400_000)
const agentId = (pick: (max: number) => number) => `agent-${pick(agentCount)}`
const agentCount = 12

const changes: Change[] = [
  (db, pick) => db.agent.update({ where: { id: agentId(pick) }, data: { status: agentStatuses[pick(4)]! } }),
  (db, pick) =>
    db.agent.update({ where: { id: agentId(pick) }, data: { tier: tiers[pick(3)]!, ownerTeamId: teams[pick(3)]! } }),
  (db, pick) =>
    db.agent.update({
      where: { id: agentId(pick) },
      data: { name: ['Invoice reader', 'Äß 7', 'Ticket triage'][pick(3)]! },
    }),
  (db, pick) =>
    db.agent.update({
      where: { id: agentId(pick) },
      data: { lastReviewedAt: pick(2) ? day(pick(100)) : null, nextReviewAt: pick(3) ? day(pick(60) - 30) : null },
    }),
  (db, pick) =>
    makeGrant(db, {
      agentId: agentId(pick),
      serverId: servers[pick(3)]!,
      class: toolClasses[pick(3)]!,
      toolName: [null, null, 'look', 'change', 'gone'][pick(5)]!,
      via: pick(4) ? 'request' : 'break_glass',
      expiresAt: [null, day(1), new Date(now.getTime() + 1), day(-9)][pick(4)]!,
    }),
  (db, pick) => db.grant.updateMany({ where: { agentId: agentId(pick) }, data: { revokedAt: pick(2) ? now : null } }),
  (db, pick) =>
    db.mcpServer.update({ where: { id: servers[pick(3)]! }, data: { status: pick(3) ? 'active' : 'disabled' } }),
  (db, pick) =>
    db.mcpServer.update({
      where: { id: servers[pick(3)]! },
      data: {
        environment: environments[pick(3)]!,
        sensitivity: sensitivities[pick(4)]!,
        dataClasses: dataClasses.filter(() => pick(2) === 0),
      },
    }),
  (db, pick) =>
    db.mcpTool.updateMany({
      where: { serverId: servers[pick(3)]!, name: ['look', 'change', 'wipe'][pick(3)]! },
      data: { state: toolStates[pick(3)]! },
    }),
  (db, pick) => {
    const id = agentId(pick)
    const at = day(pick(40))
    const figures = { runs: pick(9), escalatedRuns: pick(2), costMicros: BigInt(pick(9)) * 500_000n }
    return db.agentDay.upsert({
      where: { agentId_day: { agentId: id, day: at } },
      create: { agentId: id, day: at, ...figures },
      update: figures,
    })
  },
  async (db, pick) => {
    const id = agentId(pick)
    const { currentVersion } = await db.agent.findUniqueOrThrow({ where: { id } })
    const version = currentVersion + 1
    await db.agentVersion.create({
      data: {
        agentId: id, version, templateId: ['reconciler', 'triage'][pick(2)]!, templateVersion: versions[pick(3)]!, layer: {},
        rendered: { model: ['claude-opus-5', 'claude-sonnet-5'][pick(2)]! }, digest: crypto.randomUUID(),
      },
    }) // prettier-ignore
    await db.agent.update({ where: { id }, data: { currentVersion: version } })
  },
  (db, pick) => db.person.updateMany({ where: { name: ['Ada', 'Bob'][pick(2)]! }, data: { active: pick(2) === 0 } }),
  (db, pick) => db.team.update({ where: { id: teams[pick(3)]! }, data: { name: `Team ${teams[pick(3)]!}` } }),
  (db, pick) => {
    const [scope, targetId] = ([['agent', agentId(pick)], ['team', teams[pick(3)]!], ['server', servers[pick(3)]!], ['tool', `${servers[pick(3)]!}/change`]] as const)[pick(4)]! // prettier-ignore
    return db.stopOrder.createMany({
      data: [{ scope, targetId, reason: 'a test', orderedByName: 'Ada' }],
      skipDuplicates: true,
    })
  },
  (db, pick) =>
    db.stopOrder.updateMany({
      where: { scope: ['agent', 'team', 'server', 'tool'][pick(4)]! as 'agent' },
      data: { releasedAt: now },
    }),
]

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
      fc.record({ change: fc.nat(changes.length - 1), seed: fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }) }),
      { maxLength: 6 },
    )
    const property = fc.asyncProperty(steps, anyQuery(names), async (steps, query) => {
      for (const { change, seed } of steps) {
        let drawn = 0
        await changes[change]!(db, (max) => seed[drawn++ % seed.length]! % max)
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

dbTest('sorting by scopes goes by the scopes that are shown, whatever else was granted', async ({ db }) => {
  const [shown, hidden, soon] = ['sorted-shown', 'sorted-hidden', 'sorted-soon']
  for (const id of [shown, hidden, soon]) await makeAgent(db, { id, ownerTeamId: teams[0]! })
  const [on, off] = [await makeServer(db), await makeServer(db)]
  await makeGrant(db, { agentId: shown, serverId: on, class: 'read' })
  await makeGrant(db, { agentId: shown, serverId: on, class: 'write' })
  for (const toolName of ['look', 'change', 'wipe']) {
    await makeGrant(db, { agentId: hidden, serverId: off, class: 'read', toolName })
    await makeGrant(db, { agentId: soon, serverId: on, class: 'read', expiresAt: day(-1) })
  }
  const order = async (at: Date) => {
    const { items } = await listAgents(ctxFor(db, undefined, at), { q: 'sorted', sort: 'scopes', order: 'desc' })
    return items.map(({ id, scopes }) => `${id} ${scopes.length}`)
  }
  expect(await order(now)).toEqual([`${soon} 3`, `${hidden} 3`, `${shown} 2`])
  await db.mcpServer.update({ where: { id: off }, data: { status: 'disabled' } })
  expect(await order(now)).toEqual([`${soon} 3`, `${shown} 2`, `${hidden} 0`])
  expect(await order(day(-2))).toEqual([`${shown} 2`, `${soon} 0`, `${hidden} 0`])
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
        await makeAgent(db, { id: `crowd-${at}`, ownerTeamId: teams[0]! })
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

async function makeFleet(db: Db): Promise<void> {
  if (await db.team.findUnique({ where: { id: teams[0]! } })) return
  for (const id of teams) await makeTeam(db, { id })
  for (const id of servers) {
    const isErp = id === 'erp'
    await makeServer(db, { id, environment: isErp ? 'production' : 'staging', dataClasses: isErp ? ['personal'] : [] })
  }
  for (const id of ['reconciler', 'triage']) for (const version of versions) await makeTemplate(db, { id, version })
  const people = await Promise.all(['Ada', 'Bob'].map((name) => makePerson(db, { name, teamIds: [teams[0]!] })))
  for (let at = 0; at < agentCount; at += 1) {
    const id = `agent-${at}`
    await makeAgent(db, {
      id,
      ownerTeamId: teams[at % 3]!,
      accountablePersonId: people[at % 2]!.id,
      templateId: 'reconciler',
      createdAt: day(at * 5),
    })
    await makeGrant(db, { agentId: id, serverId: servers[at % 3]!, class: toolClasses[at % 3]! })
  }
}
