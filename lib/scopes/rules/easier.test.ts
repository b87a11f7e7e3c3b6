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

  test('is that no rule fits where one did, for reading: templates pre-approve it then', () => {
    const reading = rule({ sensitivities: ['restricted'], classes: ['read'] })
    expect(easierUnder([], [reading])).toMatchObject({ class: 'read', sensitivity: 'restricted' })
    const inProduction = rule({ ...reading, environments: ['production'] })
    expect(easierUnder([inProduction], [reading])).toMatchObject({ class: 'read', environment: 'development' })
    expect(easierUnder([rule({ ...reading, classes: [] })], [reading])).toBeNull()
    const writing = rule({ ...reading, classes: ['write', 'destructive'] })
    expect(easierUnder([], [writing])).toBeNull()
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

  test('is others asked for what a rule does not approve by itself, or for what its own author asks for', () => {
    const byItself = rule({ classes: ['read'], steps: [], daysMax: 30, createdById: 'one' })
    const finance = rule({ classes: ['read'], steps: [['finance']], daysMax: 30 })
    // Instead of security, of whom it is asked what is not approved at once.
    expect(easierUnder([finance, byItself], [byItself])).toMatchObject({ class: 'read' })
    const security = rule({ classes: ['read'], steps: [['security']], daysMax: 30 })
    expect(easierUnder([security, byItself], [byItself])).toBeNull()
    const ofAnother = rule({ ...byItself, createdById: 'another' })
    expect(easierUnder([ofAnother, byItself], [byItself])).toMatchObject({ class: 'read' })
    expect(easierUnder([rule(byItself), byItself], [byItself])).toBeNull()
  })

  test('is passing on earlier to who may decide then', () => {
    const escalation = { roles: ['on_call' as const], teamId: null, afterHours: 24, times: 1, mayDecide: true }
    const slow = rule({ ...two, dueHours: 48, escalation })
    const easier = (changes: Partial<ApprovalRuleFacts>) =>
      easierUnder([rule({ ...slow, ...changes })], [slow]) !== null
    expect(easier({ dueHours: 1 })).toBe(true)
    expect(easier({ escalation: { ...escalation, afterHours: 1 } })).toBe(true)
    // What waits is due when it was, so only the hours after that count.
    expect(easier({ dueHours: 71, escalation: { ...escalation, afterHours: 1 } })).toBe(true)
    expect(easier({ dueHours: 72 })).toBe(false)
    expect(easier({ dueHours: 1, escalation: { ...escalation, mayDecide: false } })).toBe(false)
    // To who is asked anyway.
    const same = { ...escalation, roles: [] }
    expect(
      easierUnder([rule({ ...two, escalation: { ...same, afterHours: 1 } })], [rule({ ...two, escalation: same })]),
    ).toBeNull()
  })
})
