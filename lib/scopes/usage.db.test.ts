import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { narrowGrant, revokeGrant } from './commands.ts'
import { grantProposals, grantUsage, listGrants, unusedGrants } from './queries.ts'
import { grantProposalsQuery, narrowGrantInput } from './schema/usage.ts'

const now = new Date('2026-11-22T10:00:00Z')
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000)
const at = (db: Db) => ctxFor(db, undefined, now)

async function called(db: Db, call: { agentId: string; serverId: string; tool: string; calls: number; day?: Date }) {
  const { day = daysAgo(1), ...rest } = call
  await db.agentToolDay.create({ data: { ...rest, day, lastAt: day } })
}

async function scene(db: Db) {
  const { id: agentId, teamId } = await makeAgent(db)
  const serverId = await makeServer(db, { tools: { look: 'read', find: 'read', change: 'write', wipe: 'destructive' } })
  const grant = (more: object = {}) => makeGrant(db, { agentId, serverId, createdAt: daysAgo(60), ...more })
  return { agentId, teamId, serverId, grant }
}

describe('grantUsage', () => {
  dbTest(
    'a grant is used by what it covers, and narrower tools are proposed when there are calls enough',
    async ({ db }) => {
      const { agentId, serverId, grant } = await scene(db)
      const write = await grant({ class: 'write' })
      const read = await grant({ class: 'read', toolName: 'find' })
      await called(db, { agentId, serverId, tool: 'look', calls: 19 })
      const usage = async () =>
        new Map((await grantUsage(at(db), { agentId, days: 30 })).map((row) => [row.grantId, row]))
      expect((await usage()).get(write)).toMatchObject({ verdict: 'used', calls: 19, narrower: null })
      expect((await usage()).get(read)).toMatchObject({ verdict: 'unused', calls: 0, lastUsedAt: null })
      await called(db, { agentId, serverId, tool: 'change', calls: 1 })
      expect((await usage()).get(write)).toMatchObject({ calls: 20, narrower: ['look', 'change'] })
      // Nothing of it needs what is destructive, and refused calls are no use.
      const wide = await grant({ class: 'destructive' })
      await called(db, { agentId, serverId, tool: 'wipe', calls: 0 })
      expect((await usage()).get(wide)).toMatchObject({
        verdict: 'used',
        proposal: { kind: 'revoke', because: 'covered', coveredBy: [write] },
      })
    },
  )

  dbTest('says that there is too little to tell rather than guess', async ({ db }) => {
    const { agentId, serverId, grant } = await scene(db)
    const young = await grant({ createdAt: daysAgo(29) })
    const asks = await grant({ toolName: 'method:sampling/createMessage' })
    const old = await grant({ createdAt: daysAgo(31), class: 'write' })
    await called(db, { agentId, serverId, tool: 'look', calls: 50, day: daysAgo(40) })
    const verdicts = new Map((await grantUsage(at(db), { agentId, days: 30 })).map((row) => [row.grantId, row.verdict]))
    expect(verdicts).toEqual(
      new Map([
        [young, 'insufficient_data'],
        [asks, 'insufficient_data'],
        [old, 'unused'],
      ]),
    )
    expect((await grantUsage(at(db), { agentId, days: 41 })).find(({ grantId }) => grantId === old)).toMatchObject({
      verdict: 'used',
    })
  })

  dbTest('reading through methods needs the whole server, so nothing narrower is proposed', async ({ db }) => {
    const { agentId, serverId, grant } = await scene(db)
    const read = await grant({ class: 'read' })
    await called(db, { agentId, serverId, tool: 'look', calls: 30 })
    await called(db, { agentId, serverId, tool: 'resources/read', calls: 1 })
    const [row] = await grantUsage(at(db), { agentId, days: 30 })
    expect(row).toMatchObject({ grantId: read, calls: 31, narrower: null })
  })

  dbTest('is for those who may read agents, about one that exists', async ({ db }) => {
    const { agentId } = await scene(db)
    const agent = ctxFor(db, { kind: 'agent', id: agentId, name: agentId }, now)
    await expect(grantUsage(agent, { agentId, days: 30 })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(unusedGrants(agent, { days: 30, limit: 10 })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(grantUsage(at(db), { agentId: 'nobody', days: 30 })).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('unusedGrants', () => {
  dbTest('lists what nobody needed, with when it was needed last, a page at a time', async ({ db }) => {
    const { agentId, teamId, serverId, grant } = await scene(db)
    const [never, once, used] = [
      await grant({ toolName: 'find' }),
      await grant({ class: 'write', toolName: 'change' }),
      await grant({ toolName: 'look' }),
    ]
    await grant({ createdAt: daysAgo(10) })
    await grant({ revokedAt: now })
    await called(db, { agentId, serverId, tool: 'change', calls: 3, day: daysAgo(50) })
    await called(db, { agentId, serverId, tool: 'look', calls: 3 })
    const page = await unusedGrants(at(db), { days: 30, ownerTeamId: teamId, limit: 1 })
    expect(page.nextCursor).not.toBeNull()
    const rest = await unusedGrants(at(db), { days: 30, ownerTeamId: teamId, limit: 5, cursor: page.nextCursor! })
    const found = [...page.items, ...rest.items]
    expect(rest.nextCursor).toBeNull()
    expect(new Set(found.map(({ grantId }) => grantId))).toEqual(new Set([never, once]))
    expect(found.find(({ grantId }) => grantId === once)?.lastUsedAt?.slice(0, 10)).toBe(
      daysAgo(50).toISOString().slice(0, 10),
    )
    expect(found.map(({ grantId }) => grantId)).not.toContain(used)
    await expect(unusedGrants(at(db), { days: 30, limit: 5, cursor: 'x' })).rejects.toMatchObject({
      details: { field: 'cursor' },
    })
    await db.agent.update({ where: { id: agentId }, data: { status: 'retired' } })
    expect((await unusedGrants(at(db), { days: 30, ownerTeamId: teamId, limit: 5 })).items).toEqual([])
  })
})

describe('narrowGrant', () => {
  dbTest('puts single tools in its place, within the same limits, at once and on the record', async ({ db }) => {
    const { agentId, teamId, serverId, grant } = await scene(db)
    const expiresAt = new Date('2027-01-01T00:00:00Z')
    const conditions = [{ pointer: '/currency', equals: 'EUR' }]
    const wide = await grant({ class: 'write', expiresAt, conditions })
    const lead = ctxFor(db, await makePerson(db, { roles: ['builder'], teamIds: [teamId] }), now)
    const input = narrowGrantInput.parse({
      grantId: wide,
      toolNames: ['look', 'change', 'look'],
      reason: 'It needs no more.',
    })
    const [first, second] = await Promise.all([narrowGrant(lead, input), narrowGrant(lead, input)])
    expect([first.ok, second.ok].filter(Boolean)).toHaveLength(1)
    const held = await listGrants(lead, { agentId })
    expect(held.map((row) => [row.toolName, row.class, row.via])).toEqual([
      ['look', 'read', 'narrowed'],
      ['change', 'write', 'narrowed'],
    ])
    for (const row of held) {
      expect(row).toMatchObject({
        expiresAt: expiresAt.toISOString(),
        conditions,
        rate: null,
        serverId,
      })
    }
    const events = (await auditOf(db, agentId)).map(({ event }) => event)
    expect(events).toEqual(['grant.created', 'grant.created', 'grant.revoked', 'grant.narrowed'])
  })

  dbTest(
    'is refused for what is narrow, ended or an emergency, for tools it does not cover, and to strangers',
    async ({ db }) => {
      const { teamId, grant } = await scene(db)
      const lead = ctxFor(db, await makePerson(db, { roles: ['builder'], teamIds: [teamId] }), now)
      const narrow = async (grantId: string, toolNames = ['look']) => {
        const outcome = await narrowGrant(lead, { grantId, toolNames, reason: 'less' })
        return outcome.ok ? null : outcome.error.rule
      }
      expect(await narrow(await grant({ toolName: 'look' }))).toBe('scopes:not_narrowable')
      expect(await narrow(await grant({ via: 'break_glass' }))).toBe('scopes:not_narrowable')
      // Two grants of five calls an hour would allow ten.
      const rated = await grant({ class: 'write', rateCalls: 5, ratePer: 'hour' })
      expect(await narrow(rated, ['look', 'change'])).toBe('scopes:not_narrowable')
      expect(await narrow(rated, ['look'])).toBeNull()
      expect(await narrow(await grant({ revokedAt: now }))).toBe('scopes:already_revoked')
      expect(await narrow(await grant({ expiresAt: now }))).toBe('scopes:already_revoked')
      const read = await grant({ class: 'read' })
      for (const tool of ['change', 'nothing']) {
        await expect(narrow(read, ['look', tool])).rejects.toMatchObject({ details: { field: 'toolNames' } })
      }
      expect(await db.grant.findUniqueOrThrow({ where: { id: read } })).toMatchObject({ revokedAt: null })
      await expect(narrow(crypto.randomUUID())).rejects.toMatchObject({ code: 'not_found' })
      const stranger = ctxFor(db, await makePerson(db, { roles: ['builder'] }), now)
      const wish = { grantId: read, toolNames: ['look'], reason: 'less' }
      await expect(narrowGrant(stranger, wish)).rejects.toMatchObject({ code: 'forbidden' })
      const finance = ctxFor(db, await makePerson(db, { roles: ['finance'] }), now)
      await expect(narrowGrant(finance, wish)).rejects.toMatchObject({ details: { rule: 'permission:grants:revoke' } })
    },
  )
})

describe('grantProposals', () => {
  dbTest('goes through the fleet a page at a time, with what each would have denied before', async ({ db }) => {
    const { agentId, teamId, serverId, grant } = await scene(db)
    const [unused, wide] = [await grant({ toolName: 'find' }), await grant({ class: 'write' })]
    await called(db, { agentId, serverId, tool: 'look', calls: 25 })
    await called(db, { agentId, serverId, tool: 'change', calls: 4, day: daysAgo(40) })
    await called(db, { agentId, serverId, tool: 'change', calls: 9, day: daysAgo(70) })
    const other = await makeAgent(db, { ownerTeamId: teamId })
    const idle = await makeGrant(db, { agentId: other.id, serverId, createdAt: daysAgo(60) })
    const ask = (more: object = {}) =>
      grantProposals(at(db), grantProposalsQuery.parse({ days: 30, ownerTeamId: teamId, ...more }))
    const all = await ask()
    expect(new Map(all.items.map((item) => [item.grantId, item.proposal.because]))).toEqual(
      new Map([
        [unused, 'unused'],
        [wide, 'narrower'],
        [idle, 'unused'],
      ]),
    )
    // Older calls than the grant are not its own.
    expect(all.items.find(({ grantId }) => grantId === wide)?.proposal).toMatchObject({
      toolNames: ['look'],
      calls: 25,
      denials: 0,
      denialsBefore: 4,
    })
    const found: string[] = []
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await ask({ limit: 1, ...(cursor ? { cursor } : {}) })
      found.push(...page.items.map(({ grantId }) => grantId))
      cursor = page.nextCursor
    }
    expect(found).toEqual(all.items.map(({ grantId }) => grantId))
    expect((await ask({ kind: 'narrow' })).items.map(({ grantId }) => grantId)).toEqual([wide])
    await expect(ask({ cursor: 'x' })).rejects.toMatchObject({ details: { field: 'cursor' } })
    const agent = ctxFor(db, { kind: 'agent', id: agentId, name: agentId }, now)
    await expect(grantProposals(agent, grantProposalsQuery.parse({}))).rejects.toMatchObject({ code: 'forbidden' })
  })
})

dbTest(
  'a proposal is followed only while it holds: what covered the calls may end, and others may come',
  async ({ db }) => {
    const { agentId, serverId, grant } = await scene(db)
    const narrower = await grant({ toolName: 'look' })
    const wider = await grant({ class: 'write' })
    await called(db, { agentId, serverId, tool: 'look', calls: 30 })
    const revoke = (grantId: string) => revokeGrant(at(db), { grantId, reason: 'As proposed.', proposedOver: 30 })
    await db.grant.update({ where: { id: narrower }, data: { revokedAt: now } })
    expect(await revoke(wider)).toMatchObject({ ok: false, error: { rule: 'scopes:not_proposed' } })
    const narrow = () => narrowGrant(at(db), { grantId: wider, toolNames: ['look'], reason: 'r', proposedOver: 30 })
    await called(db, { agentId, serverId, tool: 'change', calls: 1 })
    expect(await narrow()).toMatchObject({ ok: false, error: { rule: 'scopes:not_proposed' } })
    expect(await db.grant.count({ where: { id: wider, revokedAt: null } })).toBe(1)
    await db.grant.update({ where: { id: narrower }, data: { revokedAt: null } })
    await db.agentToolDay.deleteMany({ where: { agentId, tool: 'change' } })
    expect(await revoke(wider)).toMatchObject({ ok: true })
    // Without days it is what a person wants, whatever is called.
    expect(await revokeGrant(at(db), { grantId: narrower, reason: 'It is over.' })).toMatchObject({ ok: true })
  },
)
