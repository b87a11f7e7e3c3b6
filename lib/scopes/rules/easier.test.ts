import { describe, expect, test } from 'vitest'
import { type ApprovalRuleFacts, defaultApprovalRule } from './approval-policy.ts'
import { easierUnder } from './easier.ts'

const rule = (changes: Partial<ApprovalRuleFacts>): ApprovalRuleFacts => ({
  ...defaultApprovalRule,
  id: crypto.randomUUID(),
  title: 'A rule',
  ...changes,
})
const two = rule({ classes: ['write'], steps: [['security'], ['finance', 'platform_admin']] })

describe('what makes approval easier', () => {
  test('is fewer people, other people, or a longer time, for whatever could be asked for', () => {
    const easier = (after: ApprovalRuleFacts[], before: ApprovalRuleFacts[] = [two]) =>
      easierUnder(after, before) !== null
    expect(easier([])).toBe(true)
    expect(easier([rule({ steps: [['security']] }), two])).toBe(true)
    // A second one in its place, on one environment only, or for a server with two kinds of data.
    expect(easier([rule({ environments: ['production'] }), two])).toBe(true)
    const health = rule({ dataClasses: ['health'], steps: two.steps })
    const personal = rule({ dataClasses: ['personal'] })
    expect(easierUnder([personal, health], [health])).toMatchObject({ dataClasses: ['personal', 'health'] })
    expect(easier([rule({ ...two, steps: [['security'], ['finance', 'on_call']] })])).toBe(true)
    expect(easier([rule({ ...two, steps: [['security', 'on_call'], ['finance']] })])).toBe(true)
    expect(easier([rule({ ...two, daysMax: 30 })], [rule({ ...two, daysMax: 20 })])).toBe(true)
    expect(easier([rule({ ...two, daysMax: null })], [rule({ ...two, daysMax: 20 })])).toBe(true)
    // Whoever it is passed on to decides, too.
    const escalation = { roles: ['on_call' as const], teamId: null, afterHours: 1, times: 1, mayDecide: true }
    expect(easier([rule({ ...two, escalation })])).toBe(true)
    expect(easier([rule({ ...two, escalation: { ...escalation, mayDecide: false } })])).toBe(false)
  })

  test('is not what asks the same or more', () => {
    const none = (after: ApprovalRuleFacts[], before: ApprovalRuleFacts[] = [two]) =>
      expect(easierUnder(after, before)).toBeNull()
    none([two])
    none([rule({ ...two, steps: [['finance'], ['security']], daysMax: 5 })])
    none([two], [])
    // Removing what never holds, because one before it fits all that it fits.
    none([rule({ steps: two.steps }), two], [rule({ steps: two.steps })])
    none([two, rule({ classes: ['write'], steps: [] })])
    // By nobody is nothing for what is destructive.
    expect(easierUnder([rule({ classes: ['read'], steps: [], daysMax: 1 })], [])).toMatchObject({ class: 'read' })
    none([rule({ classes: ['destructive'], steps: [] })], [])
  })
})
