import { expect, test } from 'vitest'
import { defaultApprovalRule, escalated, escalationDue } from './approval-policy.ts'

const escalation = { roles: ['finance' as const], teamId: null, afterHours: 2, times: 2, mayDecide: true }
const rule = { ...defaultApprovalRule, id: 'new', escalation }
const dueAt = new Date('2026-11-26T09:00:00Z')
const after = (hours: number) => new Date(dueAt.getTime() + hours * 3_600_000)

test('what was passed on under another rule gives nobody of a new one anything, and its times hold', () => {
  const counted = { escalations: 2, escalationRuleId: 'old' }
  expect(escalated(rule, counted).steps).toEqual([['security']])
  expect(escalationDue(rule, { dueAt, ...counted, now: after(1) })).toBeNull()
  expect(escalationDue(rule, { dueAt, ...counted, now: after(2) })).toBe(1)
  const anew = { escalations: 1, escalationRuleId: 'new' }
  expect(escalated(rule, anew).steps).toEqual([['security', 'finance']])
  expect(escalationDue(rule, { dueAt, ...anew, now: after(3) })).toBeNull()
  expect(escalationDue(rule, { dueAt, ...anew, now: after(4) })).toBe(2)
})
