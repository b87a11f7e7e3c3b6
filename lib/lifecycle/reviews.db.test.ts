import { describe, expect } from 'vitest'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { decideReview, endReview, startReview, watchReviews } from './commands.ts'
import { getReview, listReviews } from './queries.ts'
import { reviewListQuery, reviewShowQuery, startReviewInput, type StartReviewInput } from './schema/reviews.ts'

const now = new Date('2026-11-22T10:00:00Z')
const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000)
const showing = (more: object = {}) => reviewShowQuery.parse(more)

/** An agent with a grant that is too wide, one that is not needed, and one of an emergency. */
async function scene(db: Db) {
  const lead = await makePerson(db, { roles: ['builder'] })
  const { id: agentId, teamId } = await makeAgent(db, { accountablePersonId: lead.id })
  const serverId = await makeServer(db, { tools: { look: 'read', find: 'read', change: 'write' } })
  const grant = (more: object) => makeGrant(db, { agentId, serverId, createdAt: inDays(-200), ...more })
  const wide = await grant({ class: 'write' })
  const other = await makeServer(db)
  const idle = await grant({ serverId: other })
  const emergency = await grant({ serverId: other, class: 'write', via: 'break_glass', createdById: lead.id })
  await called(db, { agentId, serverId, tool: 'look', calls: 40, day: inDays(-3) })
  const as = async (role: Role, teamIds: string[] = []) =>
    ctxFor(db, await makePerson(db, { roles: [role], teamIds }), now)
  const security = await as('security')
  const start = (more: Partial<StartReviewInput> = {}) =>
    startReview(
      security,
      startReviewInput.parse({
        title: 'Autumn review',
        grantIds: [wide, idle, emergency],
        dueDays: 10,
        atEnd: 'narrow',
        ...more,
      }),
    )
  const owner = ctxFor(db, lead, now)
  const show = (campaignId: string, ctx = owner) => getReview(ctx, { campaignId, ...showing() })
  const itemOf = async (campaignId: string, grantId: string) =>
    (await show(campaignId)).items.find((item) => item.grantId === grantId)!
  return { agentId, teamId, serverId, wide, idle, emergency, security, owner, as, start, show, itemOf }
}

async function called(db: Db, call: { agentId: string; serverId: string; tool: string; calls: number; day: Date }) {
  await db.agentToolDay.create({ data: { ...call, lastAt: call.day } })
}
const eventsOf = async (db: Db, id: string) => (await auditOf(db, id)).map(({ event }) => event)

describe('a campaign', () => {
  dbTest('freezes what is known when it starts, and tells what has happened since', async ({ db }) => {
    const { agentId, serverId, wide, idle, start, show, itemOf } = await scene(db)
    const { campaignId, items } = await start()
    expect(items).toBe(3)
    expect((await itemOf(campaignId, wide)).evidence).toMatchObject({
      verdict: 'used',
      calls: 40,
      isNew: true,
      proposal: { kind: 'narrow', toolNames: ['look'] },
    })
    expect((await itemOf(campaignId, idle)).evidence.proposal).toMatchObject({ kind: 'revoke', because: 'unused' })
    await called(db, { agentId, serverId, tool: 'find', calls: 2, day: inDays(1) })
    const later = await itemOf(campaignId, wide)
    expect(later.evidence.calls).toBe(40)
    expect(later.since).toEqual({ calls: 2, newTools: ['find'], neededByNow: false })
    const view = await show(campaignId)
    expect(view.progress).toMatchObject({ items: 3, decided: 0 })
    expect(view.waiting).toMatchObject([{ items: 3 }])
    expect(await eventsOf(db, campaignId)).toEqual(['review.started'])
    expect(await eventsOf(db, agentId)).toEqual(['review.asked'])
  })

  dbTest('over a query takes every grant of the agents that it finds', async ({ db }) => {
    const { agentId, wide, idle, emergency, start, show } = await scene(db)
    const { campaignId } = await start({ grantIds: undefined, query: agentId })
    const found = (await show(campaignId)).items.map(({ grantId }) => grantId)
    expect(new Set(found)).toEqual(new Set([wide, idle, emergency]))
    await expect(start({ grantIds: [crypto.randomUUID()] })).rejects.toMatchObject({ details: { field: 'grantIds' } })
  })

  dbTest('is decided by whoever answers for the agent, all at once; the agent counts as reviewed', async ({ db }) => {
    const { agentId, wide, idle, emergency, owner, security, start, itemOf } = await scene(db)
    const { campaignId } = await start()
    const wish = async (grantId: string, decision: 'keep' | 'narrow' | 'revoke') => ({
      itemId: (await itemOf(campaignId, grantId)).id,
      decision,
      reason: 'It is as it should be.',
    })
    const decisions = [await wish(wide, 'narrow'), await wish(idle, 'revoke'), await wish(emergency, 'keep')]
    const outcome = await decideReview(owner, { campaignId, decisions })
    // Nobody certifies what they took in an emergency.
    expect(outcome).toMatchObject({ decided: 2, refused: [{ rule: 'reviews:own_break_glass' }] })
    const held = await db.grant.findMany({ where: { agentId, revokedAt: null }, select: { toolName: true, via: true } })
    expect(held).toEqual(
      expect.arrayContaining([
        { toolName: 'look', via: 'narrowed' },
        { toolName: null, via: 'break_glass' },
      ]),
    )
    expect(held).toHaveLength(2)
    const events = await eventsOf(db, agentId)
    for (const event of ['grant.narrowed', 'grant.revoked', 'review.item_decided', 'review.refused']) {
      expect(events).toContain(event)
    }
    const reviewedAt = async () => (await db.agent.findUniqueOrThrow({ where: { id: agentId } })).lastReviewedAt
    // One is left: it was looked at in part.
    expect(await reviewedAt()).toBeNull()
    expect(await decideReview(security, { campaignId, decisions: decisions.slice(2) })).toMatchObject({ decided: 1 })
    expect(await reviewedAt()).toEqual(now)
    const takeAway = decisions.slice(2).map((each) => ({ ...each, decision: 'revoke' as const }))
    const later = ctxFor(db, security.actor, inDays(1))
    expect(await decideReview(later, { campaignId, decisions: takeAway })).toMatchObject({ decided: 1 })
    expect(await reviewedAt()).toEqual(now)
    expect((await eventsOf(db, agentId)).filter((event) => event === 'agent.reviewed')).toHaveLength(1)
    expect(await itemOf(campaignId, emergency)).toMatchObject({ decision: 'revoke', how: 'override' })
  })

  dbTest('asks a person for what they may decide, and nobody for what has ended otherwise', async ({ db }) => {
    const { teamId, wide, idle, emergency, owner, as, start } = await scene(db)
    const { campaignId } = await start()
    const mine = async (ctx: typeof owner) =>
      (await getReview(ctx, { campaignId, ...showing({ show: 'mine' }) })).items.map(({ grantId }) => grantId)
    expect(await mine(await as('builder', [teamId]))).toEqual([])
    expect(await mine(await as('team_lead', [teamId]))).toHaveLength(3)
    // A page goes on where the one before ended, though that was answered in between.
    const paged = (more: object) => getReview(owner, { campaignId, ...showing({ show: 'open', limit: 1, ...more }) })
    const first = await paged({})
    const decisions = [{ itemId: first.items[0]!.id, decision: 'revoke' as const, reason: 'It is over.' }]
    expect(await decideReview(owner, { campaignId, decisions })).toMatchObject({ decided: 1 })
    const second = await paged({ cursor: first.nextCursor! })
    const third = await paged({ cursor: second.nextCursor! })
    const seen = [...first.items, ...second.items, ...third.items].map(({ id }) => id)
    expect(new Set(seen).size).toBe(3)
    await expect(paged({ cursor: crypto.randomUUID() })).rejects.toMatchObject({ details: { field: 'cursor' } })
    await db.reviewItem.update({ where: { id: seen[0]! }, data: { decision: null, how: null } })
    await db.grant.updateMany({ where: { revokedAt: { not: null } }, data: { revokedAt: null } })
    await db.grant.update({ where: { id: emergency }, data: { expiresAt: now } })
    await db.grant.update({ where: { id: idle }, data: { revokedAt: now } })
    expect(await mine(owner)).toEqual([wide])
    expect((await getReview(owner, { campaignId, ...showing() })).waiting).toMatchObject([{ items: 1 }])
  })

  dbTest('two at once about one grant: one decides, the other is told', async ({ db }) => {
    const { idle, owner, security, start, itemOf } = await scene(db)
    const { campaignId } = await start()
    const { id: itemId } = await itemOf(campaignId, idle)
    const decide = (ctx: typeof owner, decision: 'keep' | 'revoke') =>
      decideReview(ctx, { campaignId, decisions: [{ itemId, decision, reason: 'At once.' }] })
    const outcomes = await Promise.all([decide(owner, 'revoke'), decide(security, 'revoke')])
    expect(outcomes.filter(({ decided }) => decided === 1)).toHaveLength(1)
    expect(outcomes.flatMap(({ refused }) => refused)).toMatchObject([{ rule: 'reviews:already_decided' }])
  })

  dbTest('refuses strangers, and those without the permission', async ({ db }) => {
    const { idle, as, start, itemOf, owner } = await scene(db)
    const { campaignId } = await start()
    const decisions = [{ itemId: (await itemOf(campaignId, idle)).id, decision: 'keep' as const, reason: 'Because.' }]
    expect(await decideReview(await as('builder'), { campaignId, decisions })).toMatchObject({
      refused: [{ rule: 'reviews:not_yours' }],
    })
    await expect(decideReview(await as('finance'), { campaignId, decisions })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(decideReview(owner, { campaignId: crypto.randomUUID(), decisions })).rejects.toMatchObject({
      code: 'not_found',
    })
    const input = startReviewInput.parse({ title: 'Mine', query: '', dueDays: 1, atEnd: 'keep' })
    await expect(startReview(owner, input)).rejects.toMatchObject({ details: { rule: 'permission:reviews:manage' } })
    await expect(endReview(owner, { campaignId })).rejects.toMatchObject({
      details: { rule: 'permission:reviews:manage' },
    })
    await expect(watchReviews(owner)).rejects.toMatchObject({ code: 'forbidden' })
    const agent = ctxFor(db, { kind: 'agent', id: 'a', name: 'a' }, now)
    await expect(listReviews(agent, reviewListQuery.parse({}))).rejects.toMatchObject({ code: 'forbidden' })
    await expect(getReview(agent, { campaignId, ...showing() })).rejects.toMatchObject({ code: 'forbidden' })
  })
})

describe('its end', () => {
  dbTest(
    'reminds at half of the time, and then does what the campaign says of what nobody answered',
    async ({ db }) => {
      const { agentId, serverId, wide, idle, emergency, start, show } = await scene(db)
      const { campaignId } = await start()
      await called(db, { agentId, serverId, tool: 'find', calls: 2, day: inDays(1) })
      await db.grant.update({ where: { id: emergency }, data: { expiresAt: inDays(2) } })
      const worker = (days: number) => ctxFor(db, undefined, inDays(days))
      const asked = async () => (await eventsOf(db, agentId)).filter((event) => event === 'review.asked').length
      await watchReviews(worker(4))
      expect(await asked()).toBe(1)
      await Promise.all([watchReviews(worker(5)), watchReviews(worker(5))])
      expect(await asked()).toBe(2)
      await Promise.all([watchReviews(worker(11)), watchReviews(worker(11))])
      const view = await show(campaignId)
      const found = new Map(view.items.map((item) => [item.grantId, item]))
      expect(found.get(wide)).toMatchObject({ decision: 'narrow', how: 'end' })
      expect(found.get(idle)).toMatchObject({ decision: 'revoke', how: 'end' })
      // It ended by itself: nothing was left to decide.
      expect(found.get(emergency)).toMatchObject({ decision: null, how: 'gone' })
      const held = await db.grant.findMany({ where: { agentId, revokedAt: null, via: 'narrowed' } })
      // What was called since the evidence was taken is kept.
      expect(new Set(held.map(({ toolName }) => toolName))).toEqual(new Set(['find', 'look']))
      expect(view.progress).toEqual({ items: 3, decided: 3, kept: 0, narrowed: 1, revoked: 1 })
      const events = await eventsOf(db, campaignId)
      expect(events).toEqual(['review.started', 'review.ended'])
      // Nobody looked at it, so nobody reviewed it.
      expect((await db.agent.findUniqueOrThrow({ where: { id: agentId } })).lastReviewedAt).toBeNull()
    },
  )

  dbTest('may come early, once; afterwards nothing is decided', async ({ db }) => {
    const { idle, owner, security, start, itemOf } = await scene(db)
    const { campaignId } = await start({ atEnd: 'keep' })
    const { id: itemId } = await itemOf(campaignId, idle)
    const ends = await Promise.all([endReview(security, { campaignId }), endReview(security, { campaignId })])
    expect(ends.filter(({ ok }) => ok)).toHaveLength(1)
    expect(await itemOf(campaignId, idle)).toMatchObject({ decision: 'keep', how: 'end' })
    const decisions = [{ itemId, decision: 'revoke' as const, reason: 'Too late.' }]
    expect(await decideReview(owner, { campaignId, decisions })).toMatchObject({ refused: [{ rule: 'reviews:ended' }] })
    const listed = await listReviews(owner, reviewListQuery.parse({ state: 'ended' }))
    expect(listed.items.map(({ id }) => id)).toContain(campaignId)
    await expect(listReviews(owner, reviewListQuery.parse({ cursor: 'x' }))).rejects.toMatchObject({ code: 'invalid' })
  })

  dbTest(
    'keeps what cannot become what was proposed any more, says why, and ends; so does the next one',
    async ({ db }) => {
      const { agentId, start, show, security } = await scene(db)
      const wideOf = async (tool: string, more: object = {}) => {
        const server = await makeServer(db, { tools: { look: 'read', find: 'read', change: 'write' } })
        const grantId = await makeGrant(db, { agentId, serverId: server, createdAt: inDays(-200), ...more })
        await called(db, { agentId, serverId: server, tool, calls: 40, day: inDays(-3) })
        return { grantId, server }
      }
      const asks = await wideOf('look')
      const changes = await wideOf('look')
      const rated = await wideOf('look', { rateCalls: 10, ratePer: 'minute' })
      const wanted = await wideOf('look')
      const four = [asks, changes, rated, wanted].map(({ grantId }) => grantId)
      const { campaignId } = await start({ grantIds: four })
      for (const { evidence } of (await show(campaignId)).items) expect(evidence.proposal?.kind).toBe('narrow')
      await called(db, { agentId, serverId: asks.server, tool: 'resources/read', calls: 1, day: inDays(1) })
      await db.mcpTool.updateMany({ where: { serverId: changes.server, name: 'look' }, data: { class: 'write' } })
      await called(db, { agentId, serverId: rated.server, tool: 'find', calls: 1, day: inDays(1) })
      const { campaignId: next } = await start({ grantIds: [wanted.grantId], atEnd: 'keep' })
      const later = ctxFor(db, security.actor, inDays(2))
      const items = (await show(campaignId, later)).items
      const needed = items.filter(({ since }) => since.neededByNow).map(({ grantId }) => grantId)
      expect(new Set(needed)).toEqual(new Set(four.slice(0, 3)))
      // Of a batch, what cannot be done is refused, and the rest is done.
      const decisions = items.map(({ id }) => ({ itemId: id, decision: 'narrow' as const, reason: 'As proposed.' }))
      const outcome = await decideReview(later, { campaignId, decisions })
      expect(outcome.decided).toBe(1)
      expect(outcome.refused.map(({ rule }) => rule)).toEqual(Array(3).fill('reviews:not_as_proposed'))
      expect(await watchReviews(ctxFor(db, undefined, inDays(11)))).toMatchObject({ ended: 2 })
      for (const { grantId, decision, how, reason } of (await show(campaignId)).items) {
        if (grantId === wanted.grantId) expect(decision).toBe('narrow')
        else
          expect({ decision, how, reason }).toMatchObject({
            decision: 'keep',
            how: 'end',
            reason: expect.stringContaining('by now'),
          })
      }
      expect((await show(next)).endedAt).not.toBeNull()
      const held = await db.grant.count({ where: { id: { in: four.slice(0, 3) }, revokedAt: null } })
      expect(held).toBe(3)
    },
  )

  dbTest('keeps what narrower grants covered once they have ended, and revokes it while they hold', async ({ db }) => {
    const { agentId, start, show } = await scene(db)
    const pair = async () => {
      const server = await makeServer(db, { tools: { look: 'read', find: 'read', change: 'write' } })
      const grant = (more: object) => makeGrant(db, { agentId, serverId: server, createdAt: inDays(-200), ...more })
      const narrower = await grant({ toolName: 'look' })
      const wider = await grant({ class: 'write' })
      await called(db, { agentId, serverId: server, tool: 'look', calls: 40, day: inDays(-3) })
      return { narrower, wider }
    }
    const lost = await pair()
    const held = await pair()
    const { campaignId } = await start({ grantIds: [lost.wider, held.wider] })
    for (const { evidence } of (await show(campaignId)).items) {
      expect(evidence.proposal).toMatchObject({ kind: 'revoke', because: 'covered' })
    }
    await db.grant.update({ where: { id: lost.narrower }, data: { revokedAt: inDays(1) } })
    await watchReviews(ctxFor(db, undefined, inDays(11)))
    const found = new Map((await show(campaignId)).items.map((item) => [item.grantId, item]))
    expect(found.get(held.wider)).toMatchObject({ decision: 'revoke', how: 'end' })
    expect(found.get(lost.wider)).toMatchObject({ decision: 'keep', how: 'end' })
    expect(found.get(lost.wider)!.reason).toMatch(/do not cover its calls any more/)
    expect(await db.grant.count({ where: { id: lost.wider, revokedAt: null } })).toBe(1)
  })

  dbTest('of one that fails is tried again, and keeps no other from its end', async ({ db }) => {
    const { wide, idle, start, show } = await scene(db)
    const { campaignId: broken } = await start({ grantIds: [idle, wide], dueDays: 5 })
    const { campaignId } = await start({ grantIds: [idle] })
    const which = { campaignId_grantId: { campaignId: broken, grantId: idle } }
    const { evidence } = await db.reviewItem.findUniqueOrThrow({ where: which })
    await db.reviewItem.update({ where: which, data: { evidence: Prisma.JsonNull } })
    const worker = ctxFor(db, undefined, inDays(11))
    await expect(watchReviews(worker)).rejects.toThrow(TypeError)
    expect((await show(campaignId)).endedAt).not.toBeNull()
    const decided = await db.reviewItem.findMany({ where: { campaignId: broken, decision: { not: null } } })
    expect(decided.map(({ grantId }) => grantId)).toEqual([wide])
    await db.reviewItem.update({ where: which, data: { evidence: evidence as Prisma.InputJsonValue } })
    expect(await watchReviews(worker)).toMatchObject({ ended: 1 })
    expect((await show(broken)).progress).toMatchObject({ items: 2, decided: 2 })
  })
})
