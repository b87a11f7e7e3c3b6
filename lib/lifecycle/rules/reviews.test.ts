import { describe, expect, test } from 'vitest'
import { permissionsOf, type Role } from '#lib/auth/permissions.ts'
import type { GrantProposal } from '#lib/scopes/schema/usage.ts'
import { type ArgumentCondition, conditionText } from '#lib/registry/schema/conditions.ts'
import { atEndOf, decideReviewItem, remindsNow, type ReviewableItem } from './reviews.ts'

const now = new Date('2026-11-22T10:00:00Z')
const proposal: GrantProposal = {
  kind: 'narrow',
  because: 'narrower',
  toolNames: ['look'],
  coveredBy: [],
  calls: 30,
  conditions: [],
  denials: 0,
  unknownBefore: 0,
  denialsBefore: 0,
  daysBefore: 0,
}
const item: ReviewableItem = {
  campaign: { endedAt: null },
  agent: { accountablePersonId: 'ada', ownerTeamId: 'payments' },
  grant: { via: 'request', createdById: null, revokedAt: null, expiresAt: null },
  decision: null,
  evidence: { proposal },
}
const actor = (id: string, role: Role, teamIds: string[] = []) => ({
  kind: 'person' as const,
  id,
  name: id,
  email: '',
  roles: [role],
  teamIds,
  permissions: permissionsOf([role]),
})
const decide = (
  who: ReturnType<typeof actor>,
  more: Partial<ReviewableItem> = {},
  decision: 'keep' | 'narrow' | 'revoke' = 'keep',
) => {
  const outcome = decideReviewItem({ ...item, ...more }, { actor: who, decision, now })
  return outcome.ok ? outcome.value : outcome.error.rule
}

describe('who decides', () => {
  test('whoever answers for the agent or leads its team, and security in their place', () => {
    expect(decide(actor('ada', 'builder'))).toBe('owner')
    expect(decide(actor('leo', 'team_lead', ['payments']))).toBe('owner')
    expect(decide(actor('sina', 'security'))).toBe('override')
    expect(decide(actor('bob', 'builder', ['payments']))).toBe('reviews:not_yours')
    expect(decide(actor('leo', 'team_lead', ['other']))).toBe('reviews:not_yours')
    expect(decide(actor('pat', 'platform_admin'))).toBe('reviews:not_yours')
  })

  test('nobody certifies an emergency of their own; somebody else does, and anybody may end it', () => {
    const own = { grant: { ...item.grant, via: 'break_glass', createdById: 'ada' } }
    expect(decide(actor('ada', 'builder'), own)).toBe('reviews:own_break_glass')
    expect(decide(actor('ada', 'builder'), own, 'revoke')).toBe('owner')
    expect(decide(actor('sina', 'security'), own)).toBe('override')
  })

  test('what is decided stays so, but security may take away what was kept', () => {
    const kept = { decision: 'keep' as const }
    expect(decide(actor('ada', 'builder'), kept, 'revoke')).toBe('reviews:already_decided')
    expect(decide(actor('sina', 'security'), kept, 'revoke')).toBe('override')
    expect(decide(actor('sina', 'security'), kept, 'keep')).toBe('reviews:already_decided')
    expect(decide(actor('sina', 'security'), { decision: 'revoke' }, 'keep')).toBe('reviews:already_decided')
  })

  test('nothing is decided after the end, about what has ended, or without anything proposed', () => {
    expect(decide(actor('ada', 'builder'), { campaign: { endedAt: now } })).toBe('reviews:ended')
    expect(decide(actor('ada', 'builder'), { grant: { ...item.grant, expiresAt: now } })).toBe('reviews:grant_ended')
    expect(decide(actor('ada', 'builder'), { evidence: { proposal: null } }, 'narrow')).toBe('reviews:nothing_proposed')
  })
})

test('what nobody answers becomes what the campaign says, and what is needed by now is not taken away on old evidence', () => {
  const end = (
    about: GrantProposal | null,
    atEnd: 'keep' | 'narrow' | 'revoke',
    today: { calls: number; proposal: GrantProposal | null } | undefined = { calls: 30, proposal: about },
  ) => {
    const { decision, kept } = atEndOf({ evidence: { proposal: about }, today }, atEnd)
    const limits = kept.conditions.map(({ tool, conditions }) => `${tool}: ${conditions.map(conditionText).join()}`)
    return [decision, ...kept.toolNames, ...limits]
  }
  const covered: GrantProposal = { ...proposal, kind: 'revoke', because: 'covered', toolNames: [] }
  const unused: GrantProposal = { ...covered, because: 'unused' }
  expect(end(unused, 'keep')).toEqual(['keep'])
  expect(end(null, 'revoke')).toEqual(['revoke'])
  expect(end(null, 'narrow')).toEqual(['keep'])
  expect(end(unused, 'narrow', { calls: 0, proposal: unused })).toEqual(['revoke'])
  expect(end(unused, 'narrow', { calls: 1, proposal: null })).toEqual(['keep'])
  expect(end(unused, 'narrow', { calls: 30, proposal: covered })).toEqual(['keep'])
  expect(end(covered, 'narrow')).toEqual(['revoke'])
  expect(end(covered, 'narrow', { calls: 30, proposal: null })).toEqual(['keep'])
  expect(end(covered, 'narrow', { calls: 30, proposal })).toEqual(['keep'])
  const limited = (...conditions: ArgumentCondition[]): GrantProposal => ({
    ...proposal,
    because: 'arguments',
    conditions: [{ tool: 'look', conditions }],
  })
  const [euros, cents] = [
    { pointer: '/currency', equals: 'EUR' },
    { pointer: '/cents', range: { max: 10 } },
  ]
  const wider = { pointer: '/cents', range: { max: 500 } }
  // As wide as the calls need by now, and on nothing that nobody agreed to.
  expect(end(limited(cents), 'narrow', { calls: 31, proposal: limited(euros, wider) })).toEqual([
    'narrow',
    'look',
    'look: /cents is at most 500',
  ])
  expect(end(limited(cents), 'narrow', { calls: 31, proposal: limited(euros) })).toEqual(['keep'])
  const also = { ...proposal, toolNames: ['look', 'find'] }
  expect(end(proposal, 'narrow', { calls: 31, proposal: also })).toEqual(['narrow', 'look', 'find'])
  expect(end(proposal, 'narrow', { calls: 31, proposal: null })).toEqual(['keep'])
  expect(end(proposal, 'narrow', { calls: 0, proposal: unused })).toEqual(['keep'])
})

test('those who have not answered are reminded at half of the time, and once before the end', () => {
  const hours = (count: number) => new Date(now.getTime() + count * 3_600_000)
  const campaign = { startedAt: now, dueAt: hours(240), remindedAt: null }
  expect(remindsNow(campaign, hours(119))).toBe(false)
  expect(remindsNow(campaign, hours(120))).toBe(true)
  expect(remindsNow({ ...campaign, remindedAt: hours(120) }, hours(170))).toBe(false)
  expect(remindsNow({ ...campaign, remindedAt: hours(120) }, hours(180))).toBe(true)
  expect(remindsNow({ ...campaign, remindedAt: hours(180) }, hours(239))).toBe(false)
})
