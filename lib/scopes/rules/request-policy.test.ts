import { describe, expect, test } from 'vitest'
import { type ApprovalRuleFacts, defaultApprovalRule, escalated, stepFor, stepsOf } from './approval-policy.ts'
import { type PolicyFacts, requestPolicy, reviewRule } from './request-policy.ts'

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

  test('is the one whose times a review of break-glass has: of a class with what it covers, of a tool alone', () => {
    const rules = [rule({ ...reading, dueHours: 2 }), freely({ dueHours: 48 })]
    const { toolNames: _, requesterId: __, tools: ___, ...taken } = asked({})
    expect(reviewRule(rules, { ...taken, toolName: null })).toMatchObject({ dueHours: 2 })
    expect(reviewRule(rules, { ...taken, toolName: 'change' })).toMatchObject({ dueHours: 48 })
  })

  test('asks for one of security where no rule fits a part of it, as that part alone does', () => {
    const finance = rule({ title: 'Money', classes: ['write'], steps: [['finance']] })
    const people = (rules: ApprovalRuleFacts[], changes: Partial<PolicyFacts> = {}) => {
      const found = requestPolicy(rules, asked(changes)).rule
      expect(found.apart).toBeUndefined()
      return stepsOf(found)
    }
    for (const changes of [{}, { toolNames: ['change', 'look'] }]) {
      expect(people([finance], changes)).toEqual([['finance'], ['security']])
      // Who may be either is no reason for a second person: the stricter of the two decides.
      const either = rule({ classes: ['write'], steps: [['finance', 'security']] })
      expect(people([either], changes)).toEqual([['security']])
      const both = rule({ classes: ['write'], steps: [['finance'], ['security']] })
      expect(people([both], changes)).toEqual([['finance'], ['security']])
    }
    expect(people([finance], { toolNames: ['change'] })).toEqual([['finance']])
    expect(requestPolicy([finance], asked({})).rule.says).toBe(
      'It reaches write, where “Money” holds, and read, where no rule fits and one of security is asked: those of “Money” decide, and one of security besides.',
    )
    expect(requestPolicy([freely()], asked({}))).toMatchObject({ atOnce: false, rule: { id: null, daysMax: 30 } })
    expect(requestPolicy([freely({ classes: ['read', 'write'] })], asked({}))).toMatchObject({ atOnce: true })
    expect(requestPolicy([freely({ classes: ['read', 'write'] })], asked({})).rule.says).toBeUndefined()
  })

  test('is passed on to nobody who could not decide about what no rule fits', () => {
    const escalation = { roles: ['on_call' as const], teamId: 'ops', afterHours: 1, times: 1, mayDecide: true }
    const counted = (id: string | null) => ({ escalations: 1, escalationRuleId: id })
    const onCall = { id: 'o', roles: ['on_call'], teamIds: ['ops'] }
    const security = rule({ title: 'Writing', classes: ['write'], steps: [['security']], escalation })
    expect(requestPolicy([security], asked({})).rule).toMatchObject({ id: null, escalation: null })
    const pair = rule({ classes: ['write'], steps: [['security'], ['finance']], escalation })
    const one = requestPolicy([pair], asked({})).rule
    expect(stepsOf(escalated(one, counted(pair.id)))).toEqual([['security'], ['finance']])
    expect(stepFor(escalated(one, counted(pair.id)), [], onCall).ok).toBe(false)
    expect(one.says).toContain('whoever it is passed on to only hears of it')
    const finance = rule({ classes: ['write'], steps: [['finance']], escalation })
    const two = escalated(requestPolicy([finance], asked({})).rule, counted(finance.id))
    expect(stepsOf(two)).toEqual([['finance', 'on_call'], ['security']])
    expect(stepFor(two, [], onCall)).toEqual({ ok: true, value: 0 })
    expect(stepFor(two, [{ step: 0, personId: 'f' }], onCall).ok).toBe(false)
    // Where it alone is asked for, whoever it is passed on to decides as the rule says.
    const alone = requestPolicy([security], asked({ toolNames: ['change'] })).rule
    expect(stepFor(escalated(alone, counted(security.id)), [], onCall).ok).toBe(true)
  })

  test('says in words which rules hold for what it reaches, and which of them decides', () => {
    expect(requestPolicy([reading, freely()], asked({ toolNames: ['change', 'look'] })).rule.says).toBe(
      'It reaches change (write), where “Writing” holds, and look (read), where “Reading” holds: the strictest of these decides, “Reading”.',
    )
    const strict = rule({ title: 'Three', classes: ['write'], steps: [['security'], ['platform_admin'], ['finance']] })
    expect(requestPolicy([reading, strict], asked({})).rule.says).toContain('“Three”. It lasts 7 days at most.')
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
