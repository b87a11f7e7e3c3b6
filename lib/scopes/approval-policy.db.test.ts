import { describe, expect } from 'vitest'
import type { z } from 'zod'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { approvalRuleInForce, endApprovalRule } from '#lib/dev/test/two-people.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import {
  createApprovalRule,
  decideScopeRequest,
  remindOfScopes,
  removeApprovalRule,
  requestScope,
  reviseScopeRequest,
  revokeGrant,
} from './commands.ts'
import { getScopeRequest, listApprovalRules } from './queries.ts'
import { requestScopeInput, reviseScopeRequestInput } from './schema.ts'
import { type ApproverRole, createApprovalRuleInput } from './schema/approval-policy.ts'

const now = new Date('2026-11-22T10:00:00Z')
const later = (hours: number) => new Date(now.getTime() + hours * 3_600_000)
const person = (db: Db, role: Role) => makePerson(db, { roles: [role] })
const eventsOf = async (db: Db, id: string) => (await auditOf(db, id)).map(({ event }) => event)

/** A rule about one sensitivity of its own, so that tests of one database do not meet, and a request that it fits. */
async function scene(db: Db, rule: Partial<z.input<typeof createApprovalRuleInput>>, days: number | null = 30) {
  const admin = await person(db, 'platform_admin')
  const { id: agentId, teamId } = await makeAgent(db, { tier: 'high' })
  const serverId = await makeServer(db, { environment: 'production', sensitivity: 'restricted' })
  const input = createApprovalRuleInput.parse({ title: 'For a test', steps: [['security']], ...rule })
  const { ruleId } = await approvalRuleInForce(ctxFor(db, admin, now), input)
  const builder = await makePerson(db, { roles: ['builder'], teamIds: [teamId] })
  const wanted = requestScopeInput.parse({ agentId, serverId, class: 'write', days, reason: 'to post corrections' })
  const asked = await requestScope(ctxFor(db, builder, now), wanted)
  if (!asked.ok) throw new Error(asked.error.message)
  return { admin, agentId, teamId, serverId, builder, ruleId, wanted, ...asked.value }
}
const ended = (db: Db, { admin, ruleId }: Awaited<ReturnType<typeof scene>>) =>
  endApprovalRule(ctxFor(db, admin, now), { ruleId, reason: 'The test is over.' })

describe('two people', () => {
  dbTest('approve in order, each narrowing what the one before left, and the last one grants', async ({ db }) => {
    const steps: ApproverRole[][] = [['security'], ['finance', 'platform_admin']]
    const world = await scene(db, { classes: ['write'], steps, inOrder: true, daysMax: 20, dueHours: 8 })
    const { requestId, agentId } = world
    const [security, finance] = [await person(db, 'security'), await person(db, 'finance')]
    const decide = (who: typeof security, days?: number) =>
      decideScopeRequest(ctxFor(db, who, now), { requestId, decision: 'approve', ...(days ? { days } : {}) })
    expect(await decide(finance)).toMatchObject({ error: { rule: 'scopes:not_asked' } })
    // The rule grants for twenty days at most.
    await expect(decide(security, 21)).rejects.toMatchObject({ code: 'invalid', details: { field: 'days' } })
    expect(await decide(security, 10)).toMatchObject({
      ok: true,
      value: { grantIds: [], waitsFor: [['finance', 'platform_admin']] },
    })
    expect(await db.grant.count({ where: { agentId } })).toBe(0)
    expect(await decide(security)).toMatchObject({ error: { rule: 'scopes:approved_already' } })
    const view = await getScopeRequest(ctxFor(db, finance, now), requestId)
    expect(view).toMatchObject({ state: 'pending', dueAt: later(8).toISOString(), decidable: { allowed: true } })
    expect(view.policy).toMatchObject({ title: 'For a test', left: { days: 10 } })
    expect(view.policy.steps.map(({ open, approved }) => [open, approved?.by.id ?? null])).toEqual([
      [false, security.id],
      [true, null],
    ])
    await expect(decide(finance, 11)).rejects.toMatchObject({ code: 'invalid' })
    expect(await decide(finance)).toMatchObject({
      ok: true,
      value: { waitsFor: [], expiresAt: later(240).toISOString() },
    })
    expect(await eventsOf(db, agentId)).toEqual([
      'scope_request.created',
      'scope_request.refused',
      'scope_request.step_approved',
      'scope_request.refused',
      'grant.created',
      'scope_request.approved',
    ])
    await ended(db, world)
  })

  dbTest('both at once: each counts once, and one grant comes of it', async ({ db }) => {
    const world = await scene(db, { classes: ['write'], steps: [['security'], ['finance']] })
    const people = [await person(db, 'security'), await person(db, 'finance'), await person(db, 'finance')]
    const outcomes = await Promise.all(
      people.map((who) =>
        decideScopeRequest(ctxFor(db, who, now), { requestId: world.requestId, decision: 'approve' }),
      ),
    )
    expect(outcomes.filter((outcome) => outcome.ok && outcome.value.grantIds.length > 0)).toHaveLength(1)
    expect(outcomes.filter(({ ok }) => !ok)).toHaveLength(1)
    expect(await db.grant.count({ where: { agentId: world.agentId } })).toBe(1)
    expect(await db.scopeApproval.count({ where: { requestId: world.requestId } })).toBe(2)
    await ended(db, world)
  })

  dbTest('a rule that is removed asks nobody any more, and the one that fits then asks anew', async ({ db }) => {
    const world = await scene(db, { classes: ['write'], steps: [['security'], ['on_call']] })
    const security = await person(db, 'security')
    const first = await decideScopeRequest(ctxFor(db, security, now), {
      requestId: world.requestId,
      decision: 'approve',
    })
    expect(first).toMatchObject({ ok: true, value: { grantIds: [] } })
    await ended(db, world)
    // What holds now asks anew: an approval is of the rule under which it was given.
    const view = await getScopeRequest(ctxFor(db, security, now), world.requestId)
    expect(view.policy).toMatchObject({ title: 'Everything else', steps: [{ approved: null, open: true }] })
    expect(view.state).toBe('pending')
    const last = await decideScopeRequest(ctxFor(db, security, now), {
      requestId: world.requestId,
      decision: 'approve',
    })
    expect(last).toMatchObject({ ok: true, value: { waitsFor: [] } })
    expect(await db.grant.count({ where: { agentId: world.agentId } })).toBe(1)
  })
})

describe('changes', () => {
  dbTest('are asked for and made; approvals of what was asked before count no more', async ({ db }) => {
    const world = await scene(db, { classes: ['write'], steps: [['security'], ['finance']] })
    const { requestId, builder, agentId } = world
    const security = await person(db, 'security')
    await decideScopeRequest(ctxFor(db, security, now), { requestId, decision: 'approve' })
    const finance = await person(db, 'finance')
    const note = 'Only what it reads, for a week.'
    expect(
      await decideScopeRequest(ctxFor(db, finance, now), { requestId, decision: 'request_changes', note }),
    ).toMatchObject({ ok: true })
    const pending = await getScopeRequest(ctxFor(db, builder, now), requestId)
    expect(pending).toMatchObject({ state: 'changes_requested', decisionNote: note })
    expect(await decideScopeRequest(ctxFor(db, finance, now), { requestId, decision: 'approve' })).toMatchObject({
      error: { rule: 'scopes:not_pending' },
    })
    const change = reviseScopeRequestInput.parse({ requestId, class: 'read', days: 7, ticket: 'SEC-12' })
    const mate = await makePerson(db, { roles: ['builder'], teamIds: [world.teamId] })
    expect(await reviseScopeRequest(ctxFor(db, mate, now), change)).toMatchObject({
      error: { rule: 'scopes:not_your_request' },
    })
    expect(await reviseScopeRequest(ctxFor(db, builder, now), change)).toMatchObject({ value: { revision: 2 } })
    const revised = await getScopeRequest(ctxFor(db, security, now), requestId)
    expect(revised).toMatchObject({ state: 'pending', class: 'read', days: 7, ticket: 'SEC-12', revision: 2 })
    // Reading is not what the rule is about: one person of security is asked, and the approval from before is gone.
    expect(revised.policy.steps.map(({ approved }) => approved)).toEqual([null])
    expect(await auditOf(db, agentId)).toContainEqual(
      expect.objectContaining({
        event: 'scope_request.revised',
        detail: expect.objectContaining({ revision: 2, after: expect.objectContaining({ class: 'read', days: 7 }) }),
      }),
    )
    expect(await eventsOf(db, agentId)).toContain('scope_request.changes_requested')
    const stale = await decideScopeRequest(ctxFor(db, security, now), { requestId, decision: 'approve' })
    expect(stale).toMatchObject({ error: { rule: 'scopes:changed_meanwhile' } })
    await decideScopeRequest(ctxFor(db, security, now), { requestId, revision: 2, decision: 'approve' })
    expect(await reviseScopeRequest(ctxFor(db, builder, now), change)).toMatchObject({
      error: { rule: 'scopes:already_decided' },
    })
    await expect(reviseScopeRequest(ctxFor(db, security, now), change)).rejects.toMatchObject({ code: 'forbidden' })
    await db.person.update({ where: { id: builder.id }, data: { memberships: { deleteMany: {} } } })
    const left = ctxFor(db, { ...builder, teamIds: [] }, now)
    await expect(reviseScopeRequest(left, change)).rejects.toMatchObject({ code: 'forbidden' })
    await ended(db, world)
  })
})

describe('approval by the policy', () => {
  dbTest('is for what a rule says, is recorded as such, and ends by itself', async ({ db }) => {
    const world = await scene(db, { classes: ['read', 'write'], steps: [], daysMax: 5 }, null)
    expect(world.grantIds).toHaveLength(1)
    const grant = await db.grant.findUniqueOrThrow({ where: { id: world.grantIds[0]! } })
    expect(grant).toMatchObject({ via: 'request', requestId: world.requestId, expiresAt: later(120) })
    expect(await auditOf(db, world.agentId)).toMatchObject([
      { event: 'scope_request.created' },
      { event: 'grant.created' },
      {
        event: 'scope_request.auto_approved',
        detail: { approvalRule: 'For a test', expiresAt: later(120).toISOString() },
      },
    ])
    expect(await getScopeRequest(ctxFor(db, world.admin, now), world.requestId)).toMatchObject({
      state: 'approved',
      decidedBy: null,
      decisionNote: 'Approved by the policy “For a test”.',
    })
    // Nobody gives it to themselves by writing a rule.
    const wide = { ...world.wanted, toolNames: ['look'] }
    expect(await requestScope(ctxFor(db, world.admin, now), wide)).toMatchObject({ ok: true, value: { grantIds: [] } })
    // What is destructive asks a person all the same.
    const asked = await requestScope(ctxFor(db, world.builder, now), { ...world.wanted, class: 'destructive' })
    expect(asked).toMatchObject({ ok: true, value: { grantIds: [] } })
    // Nor does it give back what was taken away.
    const security = ctxFor(db, await person(db, 'security'), now)
    await revokeGrant(security, { grantId: world.grantIds[0]!, reason: 'It wrote what it should not.' })
    const back = await requestScope(ctxFor(db, world.builder, now), world.wanted)
    expect(back).toMatchObject({ ok: true, value: { grantIds: [] } })
    await ended(db, world)
  })

  dbTest('a rule that would let anything pass is refused', async ({ db }) => {
    const admin = ctxFor(db, await person(db, 'platform_admin'), now)
    const rule = (changes: object) =>
      createApprovalRule(admin, createApprovalRuleInput.parse({ title: 'Open', steps: [], ...changes }))
    await expect(rule({ daysMax: 5 })).rejects.toMatchObject({ details: { field: 'classes' } })
    await expect(rule({ classes: ['read', 'destructive'], daysMax: 5 })).rejects.toMatchObject({
      details: { field: 'classes' },
    })
    await expect(rule({ classes: ['read'] })).rejects.toMatchObject({ details: { field: 'daysMax' } })
    expect(createApprovalRuleInput.safeParse({ title: 'x', steps: [['builder']] }).success).toBe(false)
    expect(createApprovalRuleInput.safeParse({ title: 'xyz', steps: [[]] }).success).toBe(false)
  })
})

describe('the policy', () => {
  dbTest(
    'is changed by those who may, on the record, and always ends in what holds for everything else',
    async ({ db }) => {
      const world = await scene(db, { sensitivities: ['restricted'], classes: ['write'], position: 7 })
      const rules = await listApprovalRules(ctxFor(db, world.admin, now))
      expect(rules.find(({ id }) => id === world.ruleId)).toMatchObject({
        position: 7,
        sensitivities: ['restricted'],
        createdBy: { id: world.admin.id },
      })
      expect(rules.at(-1)).toMatchObject({ id: null, title: 'Everything else', steps: [['security']] })
      const builder = ctxFor(db, world.builder, now)
      const input = createApprovalRuleInput.parse({ title: 'Mine', steps: [['security']] })
      await expect(createApprovalRule(builder, input)).rejects.toMatchObject({
        code: 'forbidden',
        details: { rule: 'permission:approvals:manage' },
      })
      const removal = { ruleId: world.ruleId, reason: 'It is over.' }
      await expect(removeApprovalRule(builder, removal)).rejects.toMatchObject({ code: 'forbidden' })
      const admin = ctxFor(db, world.admin, now)
      // It asks for what would be asked for without it, so one person ends it.
      const removed = await Promise.all([removeApprovalRule(admin, removal), removeApprovalRule(admin, removal)])
      expect(removed.filter(({ removed: did }) => did)).toHaveLength(1)
      await expect(removeApprovalRule(admin, { ...removal, ruleId: crypto.randomUUID() })).rejects.toMatchObject({
        code: 'not_found',
      })
      expect(await eventsOf(db, world.ruleId)).toEqual(['approval_rule.created', 'approval_rule.removed'])
      const { requestId } = world
      await expect(decideScopeRequest(builder, { requestId, decision: 'approve' })).rejects.toMatchObject({
        code: 'forbidden',
        details: { rule: 'permission:scopes:approve' },
      })
    },
  )
})

describe('remindOfScopes', () => {
  dbTest('a grant of the whole server is no reason to say nothing of what it does not cover', async ({ db }) => {
    const { id: agentId } = await makeAgent(db)
    const serverId = await makeServer(db)
    await makeGrant(db, { agentId, serverId, class: 'write' })
    const ends = { agentId, serverId, createdAt: now, expiresAt: later(48) }
    const sampling = await makeGrant(db, { ...ends, toolName: 'method:sampling/createMessage' })
    await makeGrant(db, { ...ends, toolName: 'method:resources' })
    await makeGrant(db, { ...ends, toolName: 'look' })
    await makeGrant(db, ends)
    await remindOfScopes(ctxFor(db, undefined, later(24)))
    await remindOfScopes(ctxFor(db, undefined, later(48)))
    const told = (await auditOf(db, agentId)).map(({ event, detail }) => [
      event,
      (detail as { grantId: string }).grantId,
    ])
    expect(told).toEqual([
      ['grant.ends_soon', sampling],
      ['grant.ended', sampling],
    ])
  })

  dbTest('tells once, and to the second, what nobody has decided in time', async ({ db }) => {
    const world = await scene(db, { classes: ['write'], dueHours: 8 })
    const overdue = async () =>
      (await eventsOf(db, world.agentId)).filter((event) => event === 'scope_request.overdue').length
    await remindOfScopes(ctxFor(db, undefined, new Date(later(8).getTime() - 1000)))
    expect(await overdue()).toBe(0)
    await Promise.all([
      remindOfScopes(ctxFor(db, undefined, later(8))),
      remindOfScopes(ctxFor(db, undefined, later(8))),
    ])
    expect(await overdue()).toBe(1)
    await remindOfScopes(ctxFor(db, undefined, later(20)))
    expect(await overdue()).toBe(1)
    await ended(db, world)
    await expect(remindOfScopes(ctxFor(db, world.builder, now))).rejects.toMatchObject({ code: 'forbidden' })
  })

  dbTest(
    'tells once of grants that end within a week, of short ones when half is over, and not of emergencies',
    async ({ db }) => {
      const { id: agentId } = await makeAgent(db)
      const serverId = await makeServer(db)
      const grant = (days: number, more: object = {}) =>
        makeGrant(db, { agentId, serverId, createdAt: now, expiresAt: later(days * 24), ...more })
      const [month, short] = [await grant(30), await grant(4, { serverId: await makeServer(db) })]
      // Nobody has to ask for what another grant gives for longer.
      await grant(3)
      await grant(2, { toolName: 'post' })
      await grant(30, { revokedAt: now })
      await grant(1, { via: 'break_glass' })
      const told = async () =>
        (await auditOf(db, agentId))
          .filter(({ event }) => event === 'grant.ends_soon')
          .map(({ detail }) => (detail as { grantId: string }).grantId)
      await remindOfScopes(ctxFor(db, undefined, later(47)))
      expect(await told()).toEqual([])
      await remindOfScopes(ctxFor(db, undefined, later(48)))
      expect(await told()).toEqual([short])
      await remindOfScopes(ctxFor(db, undefined, later(23 * 24 - 1)))
      expect(await told()).toEqual([short])
      await remindOfScopes(ctxFor(db, undefined, later(23 * 24)))
      await remindOfScopes(ctxFor(db, undefined, later(24 * 24)))
      expect(await told()).toEqual([short, month])
    },
  )
})
