import { describe, expect, test } from 'vitest'
import { type ApprovalRuleFacts, defaultApprovalRule } from './approval-policy.ts'
import { type PolicyFacts, requestPolicy } from './request-policy.ts'

const rule = (changes: Partial<ApprovalRuleFacts>): ApprovalRuleFacts => ({
  ...defaultApprovalRule,
  id: crypto.randomUUID(),
  title: 'A rule',
  ...changes,
})
const asked = (changes: Partial<PolicyFacts>): PolicyFacts => ({
  environment: 'production',
  class: 'write',
  sensitivity: 'restricted',
  tier: 'low',
  dataClasses: [],
  toolNames: [],
  requesterId: 'somebody',
  tools: [
    { name: 'look', class: 'read' },
    { name: 'change', class: 'write' },
  ],
  ...changes,
})
const reading = rule({ title: 'Reading', classes: ['read'], steps: [['security'], ['platform_admin']], daysMax: 7 })
const freely = (changes: Partial<ApprovalRuleFacts> = {}) =>
  rule({ title: 'Writing', classes: ['write'], steps: [], daysMax: 30, ...changes })

describe('the rule of a request', () => {
  test('is the one of the class that its tools have, whatever class it is asked for with', () => {
    const policy = requestPolicy([reading, freely()], asked({ toolNames: ['look'] }))
    expect(policy).toMatchObject({ atOnce: false, rule: { id: reading.id } })
    expect(requestPolicy([reading, freely()], asked({ toolNames: ['change'] }))).toMatchObject({ atOnce: true })
  })

  test('is the strictest of what it reaches, for the shortest time, as several tools and as a wider class', () => {
    for (const toolNames of [['change', 'look'], []]) {
      expect(requestPolicy([reading, freely()], asked({ toolNames }))).toMatchObject({
        atOnce: false,
        rule: { id: reading.id, daysMax: 7 },
      })
      const strict = rule({ classes: ['write'], steps: [['security'], ['platform_admin'], ['finance']] })
      expect(requestPolicy([reading, strict], asked({ toolNames })).rule).toMatchObject({ id: strict.id, daysMax: 7 })
      const byItself = freely({ classes: ['read'], daysMax: 3 })
      expect(requestPolicy([byItself, freely()], asked({ toolNames }))).toMatchObject({
        atOnce: true,
        rule: { daysMax: 3 },
      })
      // Not what one of the rules' own author asks for.
      const own = freely({ classes: ['read'], createdById: 'somebody' })
      expect(requestPolicy([own, freely()], asked({ toolNames }))).toMatchObject({
        atOnce: false,
        rule: { id: own.id },
      })
    }
    const destructive = asked({ class: 'destructive' })
    expect(requestPolicy([reading], destructive).rule.id).toBe(reading.id)
  })

  test('is that of the class where no rule fits what it covers, but then a person decides', () => {
    const finance = rule({ classes: ['write'], steps: [['finance']] })
    expect(requestPolicy([finance], asked({})).rule).toEqual(finance)
    expect(requestPolicy([freely()], asked({})).atOnce).toBe(false)
    expect(requestPolicy([freely({ classes: ['read', 'write'] })], asked({})).atOnce).toBe(true)
    // By its name it is asked of security, as alone.
    expect(requestPolicy([finance], asked({ toolNames: ['change', 'look'] })).rule.apart).toContain('look')
  })

  test('is none where different people are asked: it says what to ask for apart', () => {
    const finance = rule({ title: 'Money', classes: ['write'], steps: [['finance']] })
    const named = requestPolicy([reading, finance], asked({ toolNames: ['change', 'look'] }))
    expect(named).toMatchObject({ atOnce: false, rule: { daysMax: 7 } })
    expect(named.rule.apart).toBe(
      'look: for read “Reading” asks others than “Money” does for change: ask for it separately.',
    )
    expect(requestPolicy([reading, finance], asked({})).rule.apart).toContain('write covers read, of which “Reading”')
    expect(requestPolicy([reading, finance], asked({ toolNames: ['change'] })).rule).toEqual(finance)
    // Whoever it is passed on to decides, too.
    const escalation = { roles: ['on_call' as const], teamId: null, afterHours: 1, times: 1, mayDecide: true }
    const passes = rule({ classes: ['write'], steps: [['security'], ['platform_admin'], ['security']], escalation })
    expect(requestPolicy([reading, passes], asked({})).rule.apart).toBeDefined()
  })
})
