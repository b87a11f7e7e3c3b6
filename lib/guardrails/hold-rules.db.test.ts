import { expect } from 'vitest'
import type { Role } from '#lib/auth/permissions.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { createHoldRule, removeHoldRule, withdrawHoldRuleEnd } from './commands.ts'
import { listHoldRules } from './queries/held-calls.ts'
import { createHoldRuleInput } from './schema/held-calls.ts'

const now = new Date('2026-11-22T10:00:00Z')

dbTest('rules are made and removed by who manages them, and never allow a change by the clock', async ({ db }) => {
  const serverId = await makeServer(db)
  const person = async (role: Role) => ctxFor(db, await makePerson(db, { roles: [role] }), now)
  const security = await person('security')
  const input = createHoldRuleInput.parse({
    title: 'Changes wait',
    serverId,
    class: 'write',
    deciderRoles: ['security'],
  })
  await expect(createHoldRule(await person('team_lead'), input)).rejects.toMatchObject({ code: 'forbidden' })
  const allowing = { ...input, onTimeout: 'allow' } as const
  for (const wrong of [
    allowing,
    { ...allowing, toolName: 'change' },
    { ...input, toolName: 'none' },
    { ...input, conditions: [{ pointer: '/a', regex: '(' }] },
    // Not of RE2: what they match takes no time in proportion to the text.
    { ...input, conditions: [{ pointer: '/a', regex: '(?=a)b' }] },
    { ...input, conditions: [{ pointer: '/a', regex: '(a)\\1' }] },
  ]) {
    await expect(createHoldRule(security, wrong)).rejects.toMatchObject({ code: 'invalid' })
  }
  await expect(createHoldRule(security, { ...input, serverId: 'none' })).rejects.toMatchObject({ code: 'not_found' })
  const { ruleId } = await createHoldRule(security, input)
  expect(await listHoldRules(security)).toMatchObject([{ id: ruleId, class: 'write', decideSeconds: 900 }])
  await expect(removeHoldRule(await person('team_lead'), { ruleId, reason: 'no more' })).rejects.toMatchObject({
    code: 'forbidden',
  })
  // One person alone takes no control away: they ask for it, however often, and somebody else does it; of two at once one does.
  const asked = { removed: false, waits: true }
  expect(await removeHoldRule(security, { ruleId, reason: 'no more' })).toEqual(asked)
  expect(await removeHoldRule(security, { ruleId, reason: 'no more, really' })).toEqual(asked)
  expect(await listHoldRules(security)).toMatchObject([{ id: ruleId, endAsked: { reason: 'no more, really' } }])
  const mates = [await person('security'), await person('platform_admin')]
  // What was asked for longer ago than a week is asked for anew.
  const late = { ...mates[0]!, now: new Date(security.now.getTime() + 8 * 86_400_000) }
  expect(await listHoldRules(late)).toMatchObject([{ endAsked: null }])
  expect(await removeHoldRule(late, { ruleId, reason: 'no more' })).toEqual(asked)
  expect(await removeHoldRule(security, { ruleId, reason: 'no more' })).toMatchObject({ removed: true })
  const after = await Promise.all(mates.map((mate) => removeHoldRule(mate, { ruleId, reason: 'no more' })))
  expect(after).toEqual([
    { removed: false, waits: false },
    { removed: false, waits: false },
  ])
  expect(await listHoldRules(security)).toEqual([])
  expect((await auditOf(db, ruleId)).map(({ event }) => event)).toEqual([
    'hold_rule.created',
    ...Array.from({ length: 3 }, () => 'hold_rule.end_asked'),
    'hold_rule.removed',
  ])
})

dbTest(
  'who asked for the end of a rule takes that back; nobody else does, and of two at once one has effect',
  async ({ db }) => {
    const person = async (role: Role) => ctxFor(db, await makePerson(db, { roles: [role] }), now)
    const [author, mate] = [await person('security'), await person('platform_admin')]
    const input = { title: 'Changes wait', serverId: await makeServer(db), class: 'write', deciderRoles: ['security'] }
    const { ruleId } = await createHoldRule(author, createHoldRuleInput.parse(input))
    const rule = async (outcome: ReturnType<typeof withdrawHoldRuleEnd>) => {
      const done = await outcome
      return done.ok ? null : done.error.rule
    }
    const removal = { ruleId, reason: 'It holds too much.' }
    expect(await rule(withdrawHoldRuleEnd(author, { ruleId }))).toBe('approvals:end_not_asked')
    await removeHoldRule(author, removal)
    expect(await rule(withdrawHoldRuleEnd(mate, { ruleId }))).toBe('approvals:not_your_wish')
    await expect(withdrawHoldRuleEnd(await person('team_lead'), { ruleId })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(withdrawHoldRuleEnd(author, { ruleId: crypto.randomUUID() })).rejects.toMatchObject({
      code: 'not_found',
    })
    // What was asked for longer than a week ago counts no more: there is nothing to take back.
    const week = { ...author, now: new Date(now.getTime() + 7 * 86_400_000) }
    expect(await rule(withdrawHoldRuleEnd(week, { ruleId }))).toBe('approvals:end_not_asked')
    const twice = await Promise.all([1, 2].map(() => rule(withdrawHoldRuleEnd(author, { ruleId }))))
    expect(twice.filter((each) => each === null)).toHaveLength(1)
    const events = await auditOf(db, ruleId)
    expect(events.filter(({ event }) => event === 'hold_rule.end_withdrawn')).toMatchObject([{ detail: { ruleId } }])
    // Also the one of two at once that had no effect.
    const refused = await db.auditEvent.findMany({
      where: { subjectId: ruleId, event: 'hold_rule.refused' },
      orderBy: { seq: 'asc' },
    })
    const detail = { ruleId, action: 'withdraw_end' }
    expect(refused).toMatchObject([
      { rule: 'approvals:end_not_asked', decision: 'deny', detail },
      { rule: 'approvals:not_your_wish', decision: 'deny', detail },
      { rule: 'approvals:end_not_asked', decision: 'deny', detail },
      { rule: 'approvals:end_not_asked', decision: 'deny', detail },
    ])
    expect((await listHoldRules(mate)).find(({ id }) => id === ruleId)).toMatchObject({ endAsked: null })
    expect(await removeHoldRule(mate, removal)).toEqual({ removed: false, waits: true })
    const [kept, ended] = await Promise.all([withdrawHoldRuleEnd(mate, { ruleId }), removeHoldRule(author, removal)])
    expect(kept.ok).toBe(ended.waits)
  },
)
