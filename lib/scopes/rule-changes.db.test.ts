import { describe, expect } from 'vitest'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { endApprovalRule } from '#lib/dev/test/two-people.ts'
import {
  confirmApprovalRule,
  createApprovalRule,
  decideScopeRequest,
  removeApprovalRule,
  requestScope,
  withdrawApprovalRuleEnd,
} from './commands.ts'
import { getScopeRequest, listApprovalRules } from './queries.ts'
import { requestScopeInput } from './schema.ts'
import { createApprovalRuleInput } from './schema/approval-policy.ts'

const now = new Date('2026-11-22T10:00:00Z')
const person = (db: Db, role: Role) => makePerson(db, { roles: [role] })
const refusalsOf = (db: Db, id: string) =>
  db.auditEvent.findMany({ where: { subjectId: id, event: 'approval_rule.refused' }, orderBy: { seq: 'asc' } })
const eventsOf = async (db: Db, id: string) => (await auditOf(db, id)).map(({ event }) => event)

/** A rule that asks two people, and a request that it fits. */
async function scene(db: Db) {
  const admin = ctxFor(db, await person(db, 'platform_admin'), now)
  const { id: agentId, teamId } = await makeAgent(db)
  const serverId = await makeServer(db)
  const rule = createApprovalRuleInput.parse({ title: 'Two are asked', steps: [['security'], ['finance']] })
  const { ruleId } = await createApprovalRule(admin, rule)
  const builder = await makePerson(db, { roles: ['builder'], teamIds: [teamId] })
  const wanted = requestScopeInput.parse({ agentId, serverId, class: 'write', days: 30, reason: 'to post' })
  const asked = await requestScope(ctxFor(db, builder, now), wanted)
  if (!asked.ok) throw new Error(asked.error.message)
  return { ruleId, builder, requestId: asked.value.requestId }
}

describe('what makes approval easier takes two people', () => {
  const easy = createApprovalRuleInput.parse({ title: 'One is enough', position: 1, steps: [['security']] })

  dbTest('nobody replaces a rule of two by one of their own, and approves alone', async ({ db }) => {
    const world = await scene(db)
    const { requestId, ruleId } = world
    const [author, mate] = [
      ctxFor(db, await person(db, 'security'), now),
      ctxFor(db, await person(db, 'security'), now),
    ]
    const proposed = await createApprovalRule(author, easy)
    expect(proposed).toMatchObject({ waits: true })
    const asked = { removed: false, waits: true }
    expect(await removeApprovalRule(author, { ruleId, reason: 'It is slow.' })).toEqual(asked)
    expect(await removeApprovalRule(author, { ruleId, reason: 'It is slow.' })).toEqual(asked)
    expect(await confirmApprovalRule(author, { ruleId: proposed.ruleId })).toMatchObject({
      error: { rule: 'scopes:own_rule' },
    })
    const list = await listApprovalRules(author)
    expect(list).toContainEqual(expect.objectContaining({ id: proposed.ruleId, inForce: false }))
    expect(list).toContainEqual(
      expect.objectContaining({
        id: ruleId,
        inForce: true,
        endAsked: expect.objectContaining({ reason: 'It is slow.' }),
      }),
    )
    // Both rules hold as before: one approval is not enough.
    const one = await decideScopeRequest(author, { requestId, decision: 'approve' })
    expect(one).toMatchObject({ ok: true, value: { grantIds: [] } })
    // A second person confirms; of two at once one does.
    const third = ctxFor(db, await person(db, 'platform_admin'), now)
    const builder = ctxFor(db, world.builder, now)
    await expect(confirmApprovalRule(builder, { ruleId: proposed.ruleId })).rejects.toMatchObject({ code: 'forbidden' })
    const both = await Promise.all([mate, third].map((ctx) => confirmApprovalRule(ctx, { ruleId: proposed.ruleId })))
    expect(both.filter(({ ok }) => ok)).toHaveLength(1)
    expect(both.find(({ ok }) => !ok)).toMatchObject({ error: { rule: 'scopes:rule_holds' } })
    expect((await getScopeRequest(author, requestId)).policy).toMatchObject({ title: 'One is enough' })
    const told = await auditOf(db, proposed.ruleId)
    expect(told.map(({ event, rule }) => rule ?? event)).toEqual([
      'approval_rule.proposed',
      'scopes:own_rule',
      'approval_rule.confirmed',
      'scopes:rule_holds',
    ])
    const detail = { ruleId: proposed.ruleId, action: 'confirm' }
    expect(await refusalsOf(db, proposed.ruleId)).toMatchObject([
      { rule: 'scopes:own_rule', decision: 'deny', detail, actorId: author.actor.id },
      { rule: 'scopes:rule_holds', decision: 'deny', detail },
    ])
    // The other one holds nothing back any more, so one person may end it; the easier one again, too.
    expect(await removeApprovalRule(author, { ruleId, reason: 'It never fits.' })).toMatchObject({ removed: true })
    expect(await eventsOf(db, ruleId)).toEqual([
      'approval_rule.created',
      'approval_rule.end_asked',
      'approval_rule.end_asked',
      'approval_rule.removed',
    ])
    await endApprovalRule(third, { ruleId: proposed.ruleId, reason: 'The test is over.' })
  })

  dbTest('what asks for more holds at once, and who proposed may withdraw it', async ({ db }) => {
    const admin = ctxFor(db, await person(db, 'platform_admin'), now)
    const strict = createApprovalRuleInput.parse({ title: 'Two are asked', steps: [['security'], ['on_call']] })
    const { ruleId, waits } = await createApprovalRule(admin, strict)
    expect(waits).toBe(false)
    const proposed = await createApprovalRule(admin, easy)
    const withdrawn = { ruleId: proposed.ruleId, reason: 'Not needed.' }
    expect(await removeApprovalRule(admin, withdrawn)).toEqual({ removed: true, waits: false })
    await expect(confirmApprovalRule(admin, { ruleId: proposed.ruleId })).rejects.toMatchObject({ code: 'not_found' })
    await endApprovalRule(admin, { ruleId, reason: 'The test is over.' })
  })

  dbTest(
    'who asked for the end of a rule takes that back; nobody else does, and of two at once one has effect',
    async ({ db }) => {
      const { ruleId, builder } = await scene(db)
      const [author, mate] = [
        ctxFor(db, await person(db, 'security'), now),
        ctxFor(db, await person(db, 'security'), now),
      ]
      const rule = async (outcome: ReturnType<typeof withdrawApprovalRuleEnd>) => {
        const done = await outcome
        return done.ok ? null : done.error.rule
      }
      const removal = { ruleId, reason: 'It is slow.' }
      expect(await rule(withdrawApprovalRuleEnd(author, { ruleId }))).toBe('scopes:end_not_asked')
      await removeApprovalRule(author, removal)
      expect(await rule(withdrawApprovalRuleEnd(mate, { ruleId }))).toBe('scopes:not_your_wish')
      await expect(withdrawApprovalRuleEnd(ctxFor(db, builder, now), { ruleId })).rejects.toMatchObject({
        code: 'forbidden',
      })
      const unknown = { ruleId: crypto.randomUUID() }
      await expect(withdrawApprovalRuleEnd(author, unknown)).rejects.toMatchObject({ code: 'not_found' })
      const twice = await Promise.all([1, 2].map(() => rule(withdrawApprovalRuleEnd(author, { ruleId }))))
      expect(twice.filter((each) => each === null)).toHaveLength(1)
      const told = await auditOf(db, ruleId)
      expect(told.filter(({ event }) => event === 'approval_rule.end_withdrawn')).toMatchObject([
        { detail: { ruleId } },
      ])
      // Also the one of two at once that had no effect.
      const detail = { ruleId, action: 'withdraw_end' }
      expect(await refusalsOf(db, ruleId)).toMatchObject([
        { rule: 'scopes:end_not_asked', decision: 'deny', detail },
        { rule: 'scopes:not_your_wish', decision: 'deny', detail },
        { rule: 'scopes:end_not_asked', decision: 'deny', detail },
      ])
      // Whoever asks now is the first of two again.
      expect(await removeApprovalRule(mate, removal)).toEqual({ removed: false, waits: true })
      expect((await listApprovalRules(author)).find(({ id }) => id === ruleId)).toMatchObject({
        endAsked: { by: { id: mate.actor.id } },
      })
      // Taking back and confirming at once: it ends, or goes on with the other one as the first who asks.
      const [kept, ended] = await Promise.all([
        withdrawApprovalRuleEnd(mate, { ruleId }),
        removeApprovalRule(author, removal),
      ])
      expect(kept.ok).toBe(ended.waits)
      if (ended.waits) await removeApprovalRule(mate, removal)
    },
  )
})
