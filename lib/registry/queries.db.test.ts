import { expect } from 'vitest'
import { anonymous, type Ctx } from '#lib/auth/ctx.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { besidesTools, makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import {
  explainAgentQuery,
  getAgent,
  getAgentVersion,
  getCreationLog,
  listPeople,
  listTeams,
  personNames,
} from './queries.ts'
import { agentFacets, getServer, listAgents, listServers } from './queries.ts'
import { type AgentListInput, agentSorts } from './schema.ts'

const now = new Date('2026-11-22T10:00:00Z')
const day = (text: string) => new Date(`${text}T00:00:00Z`)

async function idsOf(ctx: Ctx, query: AgentListInput): Promise<string[]> {
  return (await listAgents(ctx, query)).items.map(({ id }) => id)
}

dbTest('who can write to production: class and environment must be of the same grant in force', async ({ db }) => {
  const ctx = ctxFor(db, undefined, now)
  const production = await makeServer(db, { id: 'prod-erp', environment: 'production' })
  const staging = await makeServer(db, { id: 'stage-erp' })
  const disabled = await makeServer(db, { id: 'off-erp', environment: 'production', status: 'disabled' })
  const holding = async (id: string, grants: Omit<Parameters<typeof makeGrant>[1], 'agentId'>[]) => {
    await makeAgent(db, { id })
    for (const grant of grants) await makeGrant(db, { agentId: id, ...grant })
  }
  await holding('w-writer', [{ serverId: production, class: 'write' }])
  await holding('w-destroyer', [{ serverId: production, class: 'destructive' }])
  await holding('w-split', [
    { serverId: production, class: 'read' },
    { serverId: staging, class: 'write' },
  ])
  await holding('w-expired', [{ serverId: production, class: 'write', expiresAt: now }])
  await holding('w-revoked', [{ serverId: production, class: 'write', revokedAt: day('2026-11-01') }])
  await holding('w-disabled', [{ serverId: disabled, class: 'write' }])
  await holding('w-quarantined', [{ serverId: production, class: 'write', toolName: 'unseen' }])
  await holding('w-one-tool', [{ serverId: production, class: 'write', toolName: 'change' }])

  const expected = ['w-destroyer', 'w-one-tool', 'w-writer']
  expect(await idsOf(ctx, { q: 'can:write env:production' })).toEqual(expected)
  expect(await idsOf(ctx, { can: 'write', env: 'production' })).toEqual(expected)
  expect(await idsOf(ctx, { q: 'can:write', env: 'production,staging' })).toEqual([
    'w-destroyer',
    'w-one-tool',
    'w-split',
    'w-writer',
  ])
  expect(await idsOf(ctx, { q: 'can:read server:prod-erp w-split' })).toEqual(['w-split'])
  expect((await getAgent(ctx, 'w-one-tool')).access).toMatchObject([{ serverId: production, tools: ['change'] }])
  // As the catalog: the guardrails of the release let nothing be destroyed in production without break-glass.
  expect((await getAgent(ctx, 'w-destroyer')).access).toMatchObject([
    {
      tools: ['change', 'look', ...besidesTools],
      unreached: [{ why: expect.stringMatching(/^the guardrail \w+ forbids it$/), tools: ['wipe'] }],
    },
  ])
  expect((await getAgent(ctx, 'w-expired')).access).toEqual([])
  expect((await getServer(ctx, production)).holders.map(({ agent }) => agent.id)).toEqual([...expected, 'w-split'])
  expect((await listServers(ctx)).find(({ id }) => id === production)).toMatchObject({
    agents: 4,
    tools: { read: 1, write: 1, destructive: 1, quarantined: 0 },
  })
})

dbTest('owner, status, tier, template and text narrow together, whatever the text contains', async ({ db }) => {
  const ctx = ctxFor(db, undefined, now)
  const team = await makeTeam(db, { id: 'narrow-team' })
  const one = { ownerTeamId: team, purpose: `match 100%_\\ "quoted" '; drop table "Agent"; -- <b>مرحبا</b> 🦀 Straße` }
  await makeAgent(db, { id: 'narrow-one', ...one, tier: 'high' })
  await makeAgent(db, { id: 'narrow-two', ownerTeamId: team, status: 'suspended' })
  const q = (text: string) => idsOf(ctx, { q: `owner:narrow-team ${text}` })
  expect(await q('')).toEqual(['narrow-one', 'narrow-two'])
  expect(await idsOf(ctx, { q: 'owner:"Team narrow-team"' })).toEqual(['narrow-one', 'narrow-two'])
  expect(await q('status:suspended,retired')).toEqual(['narrow-two'])
  expect(await q('tier:high')).toEqual(['narrow-one'])
  expect(await q('template:test-template@1.0.0')).toEqual(['narrow-one', 'narrow-two'])
  expect(await q('template:test-template@2.0.0')).toEqual([])
  for (const text of ['100%_\\', `"'; drop table"`, '<b>مرحبا</b>', '🦀', 'NARROW-ONE MATCH']) {
    expect({ text, found: await q(text) }).toEqual({ text, found: ['narrow-one'] })
  }
  expect(await q('%')).toEqual(['narrow-one'])
})

dbTest('a wrong query names its column; a cursor that was tampered with is refused', async ({ db }) => {
  const ctx = ctxFor(db, undefined, now)
  await expect(listAgents(ctx, { q: 'invoice stats:active' })).rejects.toMatchObject({
    code: 'invalid',
    details: { field: 'q', column: 9, suggestion: 'status' },
  })
  await expect(listAgents(ctx, { status: 'actve' })).rejects.toMatchObject({ details: { field: 'status' } })
  const forged = [
    { s: 'runs.asc', v: '1; select 1', i: 'x', d: 'next' },
    { s: 'runs.asc', v: '1', i: 'x\0', d: 'next' },
    { s: 'id.asc', v: '1', i: 'x', d: 'next' },
    'nonsense',
  ].map((content) => Buffer.from(JSON.stringify(content)).toString('base64url'))
  for (const cursor of [...forged, '%%%', '']) {
    await expect(listAgents(ctx, { sort: 'runs', cursor })).rejects.toMatchObject({ details: { field: 'cursor' } })
  }
})

dbTest('paging visits every agent once in every sorting, forwards and back, while others are added', async ({ db }) => {
  const ctx = ctxFor(db, undefined, now)
  const team = await makeTeam(db, { id: 'paging' })
  const total = 11
  for (let index = 0; index < total; index += 1) {
    const id = `page-${String(index).padStart(2, '0')}`
    const lastReviewedAt = index % 3 === 0 ? null : day(`2026-10-0${(index % 3) + 1}`)
    await makeAgent(db, { id, ownerTeamId: team, lastReviewedAt, tier: index % 2 ? 'low' : 'high', name: `Same` })
    const figures = { runs: index % 4, escalatedRuns: index % 2, costMicros: BigInt(index % 5) * 1_000_000n }
    await db.agentDay.create({ data: { agentId: id, day: day('2026-11-20'), ...figures } })
  }
  for (const sort of agentSorts) {
    for (const order of ['asc', 'desc'] as const) {
      const query = { q: 'owner:paging page', sort, order }
      const whole = await idsOf(ctx, query)
      expect(whole).toHaveLength(total)
      const forwards: string[] = []
      let page = await listAgents(ctx, { ...query, limit: 4 })
      expect(page).toMatchObject({ total, prevCursor: null })
      forwards.push(...page.items.map(({ id }) => id))
      while (page.nextCursor) {
        page = await listAgents(ctx, { ...query, limit: 4, cursor: page.nextCursor })
        forwards.push(...page.items.map(({ id }) => id))
      }
      expect({ sort, order, ids: forwards }).toEqual({ sort, order, ids: whole })
      const backwards = page.items.map(({ id }) => id)
      while (page.prevCursor) {
        page = await listAgents(ctx, { ...query, limit: 4, cursor: page.prevCursor })
        backwards.unshift(...page.items.map(({ id }) => id))
      }
      expect({ sort, order, ids: backwards }).toEqual({ sort, order, ids: whole })
    }
  }
  const first = await listAgents(ctx, { q: 'owner:paging', limit: 4 })
  await makeAgent(db, { id: 'page-00-new', ownerTeamId: team })
  const second = await listAgents(ctx, { q: 'owner:paging', limit: 4, cursor: first.nextCursor! })
  expect(second.items[0]?.id).toBe('page-04')
})

dbTest('while what the list is sorted by changes, who keeps their place is seen once and in order', async ({ db }) => {
  const ctx = ctxFor(db, undefined, now)
  const team = await makeTeam(db, { id: 'moving' })
  const runsOf = (at: number) => ({ runs: at * 10, escalatedRuns: 0, costMicros: 0n })
  const ids = Array.from({ length: 12 }, (_, at) => `move-${String(at).padStart(2, '0')}`)
  for (const [at, id] of ids.entries()) {
    await makeAgent(db, { id, ownerTeamId: team })
    await db.agentDay.create({ data: { agentId: id, day: day('2026-11-20'), ...runsOf(at + 1) } })
  }
  // Two that were seen move behind, two that were not move in front, one is retired, one is new.
  const moves: [string, number][] = [
    ['move-01', 500],
    ['move-02', 75],
    ['move-09', 5],
    ['move-10', 15],
  ]
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const query = { q: 'owner:moving -status:retired', sort: 'runs', order: 'asc', limit: 4 } as const
    const page = await listAgents(ctx, { ...query, ...(cursor ? { cursor } : {}) })
    seen.push(...page.items.map(({ id }) => id))
    if (cursor === undefined) {
      for (const [agentId, runs] of moves) await db.agentDay.updateMany({ where: { agentId }, data: { runs } })
      // The one that the next page begins behind goes as well.
      await db.agent.update({ where: { id: 'move-03' }, data: { status: 'retired' } })
      await makeAgent(db, { id: 'move-new', ownerTeamId: team })
    }
    cursor = page.nextCursor ?? undefined
  } while (cursor)
  const moved = new Set([...moves.map(([id]) => id), 'move-new'])
  expect(seen.filter((id) => !moved.has(id))).toEqual(ids.filter((id) => !moved.has(id)))
})

dbTest('a cost is compared to the millionth of a dollar', async ({ db }) => {
  const ctx = ctxFor(db, undefined, now)
  const { id: agentId } = await makeAgent(db)
  await db.agentDay.create({ data: { agentId, day: day('2026-11-22'), runs: 1, costMicros: 8_200_000n } })
  for (const [q, total] of [
    ['cost:8.2', 1],
    ['cost:<=8.2', 1],
    ['cost:>8.2', 0],
    ['cost:>=8.200001', 0],
  ] as const) {
    const found = await listAgents(ctx, { q: `${q} ${agentId}` })
    expect({ q, total: found.total }).toEqual({ q, total })
    expect(await explainAgentQuery(ctx, { agentId, q })).toMatchObject({ matches: total === 1 })
  }
})

dbTest('measured figures are of the last 30 UTC days and never typed in', async ({ db }) => {
  const ctx = ctxFor(db, undefined, now)
  const { id } = await makeAgent(db)
  const add = (date: string, figures: object) =>
    db.agentDay.create({ data: { agentId: id, day: day(date), ...figures } })
  await add('2026-10-23', { runs: 100, escalatedRuns: 100, costMicros: 1n })
  await add('2026-10-24', { runs: 3, escalatedRuns: 1, costMicros: 5_000_000n, unpricedRequests: 2 })
  await add('2026-11-22', { runs: 1, costMicros: 1n })
  expect(await getAgent(ctx, id)).toMatchObject({
    monthlyRuns: 4,
    cost30dMicros: '5000001',
    unpricedRequests: 2,
    escalationRate: 0.25,
    lastRunDay: '2026-11-22T00:00:00.000Z',
    guardrails: 'inherited (sandbox, audit, kill-switch)',
  })
  const idle = await makeAgent(db)
  expect(await getAgent(ctx, idle.id)).toMatchObject({ monthlyRuns: 0, escalationRate: null, lastRunDay: null })
})

dbTest('each facet counts what the other filters leave', async ({ db }) => {
  const ctx = ctxFor(db, undefined, now)
  const team = await makeTeam(db, { id: 'facet-team' })
  await makeAgent(db, { ownerTeamId: team })
  await makeAgent(db, { ownerTeamId: team, tier: 'high' })
  await makeAgent(db, { ownerTeamId: team, status: 'suspended' })
  const facets = await agentFacets(ctx, { q: 'owner:facet-team status:active' })
  expect(facets.status.map(({ value, count }) => [value, count])).toEqual([
    ['active', 2],
    ['suspended', 1],
    ['provisioning', 0],
    ['retired', 0],
  ])
  expect(facets.tier.map(({ value, count }) => [value, count])).toEqual([
    ['high', 1],
    ['low', 1],
    ['medium', 0],
  ])
  expect(facets.template).toEqual([{ value: 'test-template', label: 'test-template', count: 2 }])
  expect(facets.owner.length).toBeGreaterThan(1)
})

dbTest('versions, creation log, teams and people are found; what is unknown is named', async ({ db }) => {
  const ctx = ctxFor(db, undefined, now)
  const { id, teamId } = await makeAgent(db)
  expect(await getAgentVersion(ctx, { agentId: id, version: 1 })).toMatchObject({ templateId: 'test-template' })
  await expect(getAgentVersion(ctx, { agentId: id, version: 9 })).rejects.toMatchObject({ code: 'not_found' })
  await expect(getAgent(ctx, 'nobody')).rejects.toMatchObject({ code: 'not_found' })
  await expect(getServer(ctx, 'nowhere')).rejects.toMatchObject({ code: 'not_found' })
  await expect(getCreationLog(ctx, 'nobody')).rejects.toMatchObject({ code: 'not_found' })
  expect(await getCreationLog(ctx, id)).toMatchObject({ steps: [], elapsedMs: null })
  expect((await listTeams(ctx)).find((team) => team.id === teamId)).toMatchObject({ agents: 1, members: 1 })
  const people = await listPeople(ctx, { teamId })
  expect(people).toHaveLength(1)
  expect(people[0]?.roles).toEqual(['builder'])
  expect(await personNames(ctx, [null])).toEqual(new Map())
})

dbTest('who is not signed in reads nothing', async ({ db }) => {
  const ctx = ctxFor(db, anonymous, now)
  const person = await makePerson(db, { roles: [] })
  for (const read of [listAgents, agentFacets, listServers, listTeams, listPeople]) {
    await expect(read(ctx)).rejects.toMatchObject({ code: 'unauthenticated' })
    await expect(read(ctxFor(db, person, now))).rejects.toMatchObject({ code: 'forbidden' })
  }
  for (const read of [getAgent, getCreationLog, getServer]) {
    await expect(read(ctx, 'x')).rejects.toMatchObject({ code: 'unauthenticated' })
  }
})
