import { describe, expect, test } from 'vitest'
import { anonymous } from '#lib/auth/ctx.ts'
import { noPastOwners } from '#lib/registry/rules/past-owners.ts'
import {
  approvalRuleFor,
  approvesAtOnce,
  type ApprovalRuleFacts,
  defaultApprovalRule,
  openSteps,
  stepFor,
} from './rules/approval-policy.ts'
import {
  type DecidableRequest,
  decidability,
  deciderOf,
  decideScope,
  expiryOf,
  grantCovers,
  widerThanAsked,
} from './rules.ts'

const pending: DecidableRequest = {
  state: 'pending',
  requestedById: 'asker',
  decidedByName: null,
  agent: { status: 'active', accountablePersonId: 'owner', ownerTeamId: 'team', past: noPastOwners },
  server: { name: 'ERP', status: 'active' },
  rule: defaultApprovalRule,
  given: [],
  revision: 1,
}
const who = (id: string, roles: readonly string[] = ['security']) => ({
  id,
  roles,
  teamIds: [],
  anyStep: roles.includes('security'),
})
const rule = (request: DecidableRequest, personId: string, decision: 'approve' | 'reject' = 'approve') => {
  const outcome = decideScope(request, { decider: who(personId), decision })
  return outcome.ok ? null : outcome.error.rule
}

describe('four eyes', () => {
  test('neither the asker nor the accountable person decides, not even to reject', () => {
    expect(rule(pending, 'other')).toBeNull()
    for (const decision of ['approve', 'reject'] as const) {
      expect(rule(pending, 'asker', decision)).toBe('scopes:own_request')
      expect(rule(pending, 'owner', decision)).toBe('scopes:own_agent')
    }
  })

  test('a decided request stays decided, and says by whom', () => {
    const decided = { ...pending, state: 'rejected' as const, decidedByName: 'Sina' }
    expect(decideScope(decided, { decider: who('other'), decision: 'approve' })).toMatchObject({
      error: { rule: 'scopes:already_decided', message: expect.stringContaining('rejected by Sina') },
    })
  })

  test('nothing is granted to a retired agent or on a disabled server, but it can be rejected', () => {
    const retired = { ...pending, agent: { ...pending.agent, status: 'retired' as const } }
    const disabled = { ...pending, server: { name: 'ERP', status: 'disabled' as const } }
    expect(rule(retired, 'other')).toBe('scopes:agent_retired')
    expect(rule(disabled, 'other')).toBe('scopes:server_disabled')
    expect(rule(disabled, 'other', 'reject')).toBeNull()
  })

  test('the page is told who could decide', () => {
    expect(decidability(anonymous, pending)).toMatchObject({ error: { rule: 'permission:scopes:approve' } })
  })
})

describe('the approval policy', () => {
  const facts = {
    environment: 'production',
    class: 'write',
    sensitivity: 'internal',
    tier: 'high',
    dataClasses: ['personal'],
  } as const
  const two: ApprovalRuleFacts = {
    ...defaultApprovalRule,
    id: 'two',
    title: 'Writing on production',
    environments: ['production'],
    classes: ['write', 'destructive'],
    steps: [['security'], ['finance', 'platform_admin']],
    inOrder: true,
  }

  test('the first rule that fits holds, and one of security where none does', () => {
    const reading = { ...defaultApprovalRule, id: 'reading', classes: ['read'], steps: [] }
    expect(approvalRuleFor([reading, two], facts)).toBe(two)
    expect(approvalRuleFor([reading, two], { ...facts, class: 'read' })).toBe(reading)
    expect(approvalRuleFor([reading, two], { ...facts, environment: 'staging' })).toBe(defaultApprovalRule)
    // Of the data classes of a rule, one is enough.
    const sensitive = { ...defaultApprovalRule, id: 'data', dataClasses: ['health', 'personal'] }
    expect(approvalRuleFor([sensitive], facts)).toBe(sensitive)
    expect(approvalRuleFor([sensitive], { ...facts, dataClasses: ['financial'] })).toBe(defaultApprovalRule)
    const asked = { ...facts, class: 'read', toolNames: [], requesterId: 'asker', takenAway: false } as const
    expect(approvesAtOnce(reading, asked)).toBe(true)
    // A rule of data that says more than it may is not followed.
    expect(approvesAtOnce({ ...reading, classes: [] }, { ...asked, class: 'destructive' })).toBe(false)
    expect(approvesAtOnce({ ...defaultApprovalRule, steps: [] }, asked)).toBe(false)
    expect(approvesAtOnce(reading, { ...asked, toolNames: ['method:sampling/createMessage'] })).toBe(false)
    expect(approvesAtOnce(reading, { ...asked, toolNames: ['method:unknown'] })).toBe(false)
    expect(approvesAtOnce(reading, { ...asked, toolNames: ['method:resources'] })).toBe(true)
    expect(approvesAtOnce({ ...reading, createdById: 'asker' }, asked)).toBe(false)
    expect(approvesAtOnce(reading, { ...asked, takenAway: true })).toBe(false)
  })

  test('what was changed is decided by who has read the change', () => {
    const revised = { ...pending, revision: 2 }
    const decide = (seen?: number) => decideScope(revised, { decider: who('other'), decision: 'approve', seen })
    expect(decide()).toMatchObject({ error: { rule: 'scopes:changed_meanwhile' } })
    expect(decide(1)).toMatchObject({ error: { rule: 'scopes:changed_meanwhile' } })
    expect(decide(2)).toMatchObject({ ok: true })
  })

  test('a role counts only with the permission that it decides by', () => {
    const person = { kind: 'person', id: 's', name: 'S', email: 's@example.test', teamIds: [] } as const
    const roles = ['security', 'finance']
    const countersigns = { ...person, roles, permissions: new Set(['scopes:countersign'] as const) }
    expect(deciderOf(countersigns)).toMatchObject({ roles: ['finance'], anyStep: false })
    expect(decidability(countersigns, pending)).toMatchObject({ error: { rule: 'scopes:not_asked' } })
    const approves = { ...person, roles, permissions: new Set(['scopes:approve'] as const) }
    expect(deciderOf(approves)).toMatchObject({ roles: ['security'], anyStep: true })
  })

  test('in order, the second person is asked when the first has approved; nobody approves twice', () => {
    const step = (person: ReturnType<typeof who>, given: { step: number; personId: string }[] = [], rule = two) => {
      const found = stepFor(rule, given, person)
      return found.ok ? found.value : found.error.rule
    }
    expect(openSteps(two, [])).toEqual([0])
    expect(openSteps({ ...two, inOrder: false }, [])).toEqual([0, 1])
    expect(step(who('s'))).toBe(0)
    expect(step(who('f', ['finance']))).toBe('scopes:not_asked')
    expect(step(who('f', ['finance']), [{ step: 0, personId: 's' }])).toBe(1)
    expect(step(who('s', ['security', 'finance']), [{ step: 0, personId: 's' }])).toBe('scopes:approved_already')
    expect(step(who('f', ['finance']), [], { ...two, inOrder: false })).toBe(1)
  })

  test('nobody decides for an agent of their own team, and what was sent back waits for its requester', () => {
    const mate = { ...who('other'), teamIds: ['team'] }
    for (const decision of ['approve', 'reject', 'request_changes'] as const) {
      expect(decideScope(pending, { decider: mate, decision })).toMatchObject({ error: { rule: 'scopes:own_team' } })
    }
    expect(rule({ ...pending, state: 'changes_requested' }, 'other')).toBe('scopes:not_pending')
  })
})

test('a grant covers what is below its class, its own tool only, and no longer than it lasts', () => {
  const until = (days: number) => expiryOf(days, new Date('2026-11-22T00:00:00Z'))
  const write = { class: 'write', toolName: null, expiresAt: until(30), conditions: [], rate: null } as const
  expect(grantCovers(write, { ...write, class: 'read', toolName: 'look', expiresAt: until(30) })).toBe(true)
  expect(grantCovers(write, { ...write, class: 'destructive', toolName: null, expiresAt: until(1) })).toBe(false)
  expect(grantCovers(write, { ...write, class: 'write', toolName: null, expiresAt: until(31) })).toBe(false)
  expect(grantCovers(write, { ...write, class: 'write', toolName: null, expiresAt: null })).toBe(false)
  const narrow = { ...write, toolName: 'look' }
  expect(grantCovers(narrow, { ...write, toolName: null })).toBe(false)
  expect(grantCovers(narrow, { ...write, toolName: 'other' })).toBe(false)
  expect(grantCovers({ ...narrow, expiresAt: null }, { ...write, toolName: 'look', expiresAt: null })).toBe(true)
})

describe('narrowing', () => {
  const eur = { pointer: '/currency', equals: 'EUR' }
  const small = { pointer: '/amount', range: { max: 100 } }
  const scope = { class: 'write', toolName: null, expiresAt: null, conditions: [], rate: null } as const

  test('a narrowed grant gives only what is narrowed the same way, one without limits gives all', () => {
    const narrowed = { ...scope, conditions: [eur, small] }
    expect(grantCovers(scope, narrowed)).toBe(true)
    expect(grantCovers(narrowed, scope)).toBe(false)
    expect(grantCovers(narrowed, { ...scope, conditions: [small, eur] })).toBe(true)
    expect(grantCovers(narrowed, { ...scope, conditions: [small] })).toBe(false)
    expect(grantCovers({ ...scope, rate: { calls: 9, per: 'hour' } }, scope)).toBe(false)
  })

  test('an approver adds conditions and lowers rates, and leaves nothing out', () => {
    const asked = { conditions: [eur], rate: { calls: 10, per: 'minute' } } as const
    expect(widerThanAsked(asked, { conditions: [small, eur], rate: { calls: 10, per: 'minute' } })).toBeNull()
    expect(widerThanAsked(asked, { conditions: [small], rate: { calls: 1, per: 'minute' } })).toBe('conditions')
    expect(widerThanAsked(asked, { conditions: [eur], rate: null })).toBe('rate')
    // All calls of an hour may come in one minute of it.
    expect(widerThanAsked(asked, { conditions: [eur], rate: { calls: 11, per: 'hour' } })).toBe('rate')
    expect(widerThanAsked(asked, { conditions: [eur], rate: { calls: 10, per: 'hour' } })).toBeNull()
    const hourly = { conditions: [], rate: { calls: 60, per: 'hour' } } as const
    expect(widerThanAsked(hourly, { conditions: [], rate: { calls: 2, per: 'minute' } })).toBe('rate')
    expect(widerThanAsked(hourly, { conditions: [], rate: { calls: 1, per: 'minute' } })).toBeNull()
  })
})
