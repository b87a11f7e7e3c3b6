import { describe, expect } from 'vitest'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { createDelegation } from '#lib/delegation/commands.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { saveView } from '#lib/registry/commands.ts'
import { decideReview, startReview } from './commands.ts'
import { getReview } from './queries.ts'
import { reviewShowQuery, startReviewInput } from './schema/reviews.ts'

const now = new Date('2026-11-26T09:00:00Z')
const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000)

/** A builder who answers for an agent with two grants, one of an emergency that they took, and a campaign over both. */
async function scene(db: Db) {
  const teamId = await makeTeam(db)
  const person = (role: Role, teamIds = [teamId]) => makePerson(db, { roles: [role], teamIds })
  const absent = await person('builder')
  const { id: agentId } = await makeAgent(db, { ownerTeamId: teamId, accountablePersonId: absent.id })
  const serverId = await makeServer(db)
  const plain = await makeGrant(db, { agentId, serverId })
  const emergency = await makeGrant(db, { agentId, serverId, via: 'break_glass', createdById: absent.id })
  const security = ctxFor(db, await person('security', []), now)
  const { campaignId } = await startReview(
    security,
    startReviewInput.parse({ title: 'Autumn', grantIds: [plain, emergency], dueDays: 10, atEnd: 'keep' }),
  )
  const standIn = (who: Awaited<ReturnType<typeof person>>, from = absent) =>
    createDelegation(ctxFor(db, from, now), {
      delegateId: who.id,
      endsAt: inDays(5).toISOString(),
      reason: 'On leave.',
    })
  const items = async (who: Awaited<ReturnType<typeof person>>, show: 'all' | 'mine' = 'all', at = now) =>
    (await getReview(ctxFor(db, who, at), { campaignId, ...reviewShowQuery.parse({ show }) })).items
  const decide = async (
    who: Awaited<ReturnType<typeof person>>,
    {
      grantId,
      decision = 'keep' as const,
      at = now,
      forPersonId = absent.id,
    }: { grantId: string; decision?: 'keep' | 'revoke'; at?: Date; forPersonId?: string },
  ) => {
    const itemId = (await items(who)).find((item) => item.grantId === grantId)!.id
    const decisions = [{ itemId, forPersonId, decision, reason: 'It is as it should be.' }]
    return await decideReview(ctxFor(db, who, at), { campaignId, decisions })
  }
  return { campaignId, agentId, absent, plain, emergency, security, person, standIn, items, decide }
}

describe('who stands in', () => {
  dbTest(
    'is asked for what the other answers for, and decides it under their own name, as for them',
    async ({ db }) => {
      const { agentId, absent, plain, emergency, person, standIn, items, decide } = await scene(db)
      const sam = await person('builder')
      expect(await items(sam, 'mine')).toEqual([])
      expect(await decide(sam, { grantId: plain })).toMatchObject({ refused: [{ rule: 'reviews:not_standing_in' }] })
      expect(await standIn(sam)).toMatchObject({ ok: true })
      const mine = await items(sam, 'mine')
      expect(mine.map(({ grantId }) => grantId).toSorted()).toEqual([plain, emergency].toSorted())
      for (const item of mine) {
        expect(item).toMatchObject({ decidable: { allowed: true }, standsInFor: [{ person: { id: absent.id } }] })
      }
      expect(await decide(sam, { grantId: plain })).toMatchObject({ decided: 1 })
      // What the other may not certify is not certified in their place.
      expect(await decide(sam, { grantId: emergency })).toMatchObject({
        refused: [{ rule: 'reviews:own_break_glass' }],
      })
      expect(await decide(sam, { grantId: emergency, decision: 'revoke' })).toMatchObject({ decided: 1 })
      const decided = (await items(absent)).find(({ grantId }) => grantId === plain)
      expect(decided).toMatchObject({ how: 'owner', decidedBy: { id: sam.id }, decidedFor: { id: absent.id } })
      const recorded = (await auditOf(db, agentId)).filter(({ event }) => event === 'review.item_decided')
      expect(recorded).toHaveLength(2)
      for (const { detail } of recorded) {
        expect(detail).toMatchObject({ standsInFor: { id: absent.id, name: absent.name } })
      }
    },
  )

  dbTest('decides only while they stand in, and only with a role and a team that the two share', async ({ db }) => {
    const { absent, plain, person, standIn, items, decide } = await scene(db)
    const sam = await person('builder')
    await standIn(sam)
    expect(await decide(sam, { grantId: plain, at: inDays(6) })).toMatchObject({
      refused: [{ rule: 'reviews:not_standing_in' }],
    })
    expect(await items(sam, 'mine', inDays(6))).toEqual([])
    // Whoever has left the team stands in, and answers for nothing of it.
    await db.teamMember.deleteMany({ where: { personId: sam.id } })
    const outside = { ...sam, teamIds: [] }
    expect(await decide(outside, { grantId: plain })).toMatchObject({ refused: [{ rule: 'reviews:not_yours' }] })
    expect(await items(outside, 'mine')).toEqual([])
    expect((await items(absent))[0]?.decision).toBeNull()
  })

  dbTest('of two at once, who is away and who stands in, one decides', async ({ db }) => {
    const { campaignId, absent, plain, person, standIn, items, decide } = await scene(db)
    const sam = await person('builder')
    await standIn(sam)
    const itemId = (await items(absent)).find(({ grantId }) => grantId === plain)!.id
    const own = [{ itemId, decision: 'keep' as const, reason: 'From the beach.' }]
    const outcomes = await Promise.all([
      decide(sam, { grantId: plain }),
      decideReview(ctxFor(db, absent, now), { campaignId, decisions: own }),
    ])
    expect(outcomes.filter(({ decided }) => decided === 1)).toHaveLength(1)
    expect(outcomes.flatMap(({ refused }) => refused)).toMatchObject([{ rule: 'reviews:already_decided' }])
  })
})

describe('a saved view', () => {
  const asked = (more: object) => startReviewInput.parse({ title: 'By a view', dueDays: 10, atEnd: 'keep', ...more })

  dbTest('is reviewed by its name: one of your own, or the only one that is shared', async ({ db }) => {
    const { agentId, security, plain, emergency } = await scene(db)
    const another = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
    const state = { q: agentId }
    await saveView(another, { name: 'Ours', shared: true, state })
    const { campaignId, items } = await startReview(security, asked({ view: 'Ours' }))
    expect(items).toBe([plain, emergency].length)
    const view = await getReview(security, { campaignId, ...reviewShowQuery.parse({}) })
    expect(view).toMatchObject({ query: agentId, viewName: 'Ours' })
    expect((await auditOf(db, campaignId))[0]).toMatchObject({ event: 'review.started', detail: { viewName: 'Ours' } })

    const third = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
    await saveView(third, { name: 'Ours', shared: true, state })
    const wrong = { code: 'invalid', details: { field: 'view', rule: 'reviews:view' } }
    await expect(startReview(security, asked({ view: 'Ours' }))).rejects.toMatchObject(wrong)
    // One's own goes first, whatever others share; what others keep for themselves is not there.
    expect(await startReview(third, asked({ view: 'Ours' }))).toMatchObject({ items: 2 })
    await saveView(third, { name: 'Private', shared: false, state })
    await expect(startReview(security, asked({ view: 'Private' }))).rejects.toMatchObject(wrong)
  })

  dbTest('or a query, or grants: one of them', () => {
    const said = (more: object) => startReviewInput.safeParse({ title: 'By what', dueDays: 1, atEnd: 'keep', ...more })
    expect(said({ view: 'Ours', query: '' }).success).toBe(false)
    expect(said({}).success).toBe(false)
    expect(said({ view: 'Ours' }).success).toBe(true)
  })
})
