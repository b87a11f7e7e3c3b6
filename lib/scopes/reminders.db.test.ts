import { describe, expect } from 'vitest'
import type { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { approvalRuleInForce, endApprovalRule } from '#lib/dev/test/two-people.ts'
import {
  breakGlass,
  createApprovalRule,
  remindOfScopes,
  requestScope,
  reviewBreakGlass,
  reviseScopeRequest,
} from './commands.ts'
import { renewDueTimes } from './commands/due-times.ts'
import { passOnOverdue } from './passing-on.ts'
import { tellOfClocked } from './clocked.ts'
import { getScopeRequest, listBreakGlass } from './queries.ts'
import { requestScopeInput, reviseScopeRequestInput } from './schema.ts'
import { createApprovalRuleInput } from './schema/approval-policy.ts'

const now = new Date('2026-11-22T10:00:00Z')
const later = (hours: number) => new Date(now.getTime() + hours * 3_600_000)
const justBefore = (hours: number) => new Date(later(hours).getTime() - 1)
const person = (db: Db, role: Role) => makePerson(db, { roles: [role] })
const tick = (db: Db, at: Date) => remindOfScopes(ctxFor(db, undefined, at))
/** Two workers at once. */
const ticks = (db: Db, at: Date) => Promise.all([tick(db, at), tick(db, at)])
const told = async (db: Db, agentId: string) =>
  (await auditOf(db, agentId))
    .map(({ event }) => event)
    .filter((event) => /reminded|overdue|escalated|due_changed/.test(event))

/** A rule for one agent's tier and kind of server of its own, so that tests of one database do not meet. */
async function scene(db: Db, rule: Partial<z.input<typeof createApprovalRuleInput>>) {
  const admin = await person(db, 'platform_admin')
  const { id: agentId, teamId } = await makeAgent(db, { tier: 'high' })
  const serverId = await makeServer(db, { environment: 'production', sensitivity: 'restricted' })
  const input = createApprovalRuleInput.parse({ title: 'For a test', steps: [['security']], ...rule })
  const { ruleId } = await approvalRuleInForce(ctxFor(db, admin, now), input)
  const builder = await makePerson(db, { roles: ['builder'], teamIds: [teamId] })
  return { admin: ctxFor(db, admin, now), agentId, serverId, builder: ctxFor(db, builder, now), ruleId, input }
}
type Scene = Awaited<ReturnType<typeof scene>>

async function asked({ agentId, serverId, builder }: Scene): Promise<string> {
  const wanted = { agentId, serverId, class: 'write', days: 30, reason: 'to post corrections' }
  const outcome = await requestScope(builder, requestScopeInput.parse(wanted))
  if (!outcome.ok) throw new Error(outcome.error.message)
  return outcome.value.requestId
}
const ended = ({ admin, ruleId }: Scene) => endApprovalRule(admin, { ruleId, reason: 'The test is over.' })

describe('a request', () => {
  dbTest(
    'is told of before it is due, when it is, and when it is passed on: once each, by two workers',
    async ({ db }) => {
      const escalation = { roles: ['platform_admin' as const], afterHours: 4, times: 1 }
      const world = await scene(db, { classes: ['write'], dueHours: 8, remindPercent: 50, escalation })
      const { agentId } = world
      const id = await asked(world)
      expect(await getScopeRequest(world.admin, id)).toMatchObject({
        dueAt: later(8).toISOString(),
        remindAt: later(4).toISOString(),
        remindedAt: null,
      })
      await ticks(db, justBefore(4))
      expect(await told(db, agentId)).toEqual([])
      await ticks(db, later(4))
      await ticks(db, justBefore(8))
      expect(await told(db, agentId)).toEqual(['scope_request.reminded'])
      expect(await getScopeRequest(world.admin, id)).toMatchObject({ remindedAt: later(4).toISOString() })
      await ticks(db, later(8))
      await ticks(db, justBefore(12))
      await ticks(db, later(12))
      await ticks(db, later(40))
      const steps = ['scope_request.reminded', 'scope_request.overdue', 'scope_request.escalated']
      expect(await told(db, agentId)).toEqual(steps)
      expect((await auditOf(db, agentId)).find(({ event }) => event === steps[0])?.detail).toEqual({
        requestId: id,
        dueAt: later(8).toISOString(),
      })
      const { history } = await getScopeRequest(world.admin, id)
      expect(history.map(({ event, by, at }) => [event, by, at])).toEqual([
        ['scope_request.created', expect.any(String), now.toISOString()],
        ['scope_request.reminded', null, later(4).toISOString()],
        ['scope_request.overdue', null, later(8).toISOString()],
        ['scope_request.escalated', null, later(12).toISOString()],
      ])
      expect(history.at(-1)!.says).toBe('Passed on to Platform admin (1 of 1 time)')
      await ended(world)
    },
  )

  dbTest('whose reminder was missed while no worker ran is told of as overdue, not as due soon', async ({ db }) => {
    const world = await scene(db, { classes: ['write'], dueHours: 8 })
    await asked(world)
    await tick(db, later(20))
    expect(await told(db, world.agentId)).toEqual(['scope_request.overdue'])
    await ended(world)
  })

  dbTest('that is changed waits anew, and its reminder comes anew', async ({ db }) => {
    const world = await scene(db, { classes: ['write'], dueHours: 8 })
    const id = await asked(world)
    await tick(db, later(6))
    const change = reviseScopeRequestInput.parse({ requestId: id, days: 10 })
    expect(await reviseScopeRequest({ ...world.builder, now: later(7) }, change)).toMatchObject({ ok: true })
    await tick(db, justBefore(13))
    expect(await told(db, world.agentId)).toEqual(['scope_request.reminded'])
    await tick(db, later(13))
    expect(await told(db, world.agentId)).toEqual(['scope_request.reminded', 'scope_request.reminded'])
    await ended(world)
  })
})

describe('when the rules change', () => {
  dbTest(
    'what waits is due by those that hold then, counted from when it was asked for; its history says so',
    async ({ db }) => {
      const world = await scene(db, { classes: ['write'], dueHours: 8 })
      const { agentId, admin, input } = world
      const id = await asked(world)
      await tick(db, later(6))
      // Stricter, so one person is enough, and asked first.
      const strict = { ...input, title: 'Two are asked', position: 1, dueHours: 48, steps: [['security'], ['on_call']] }
      const { ruleId, waits } = await createApprovalRule(
        { ...admin, now: later(7) },
        createApprovalRuleInput.parse(strict),
      )
      expect(waits).toBe(false)
      const view = await getScopeRequest(admin, id)
      expect(view).toMatchObject({
        dueAt: later(48).toISOString(),
        remindAt: later(36).toISOString(),
        remindedAt: null,
      })
      expect(view.history.at(-1)).toMatchObject({
        event: 'scope_request.due_changed',
        by: expect.any(String),
        says: 'changed the rules: “Two are asked” holds now, so it is due 2026-11-24 10:00 UTC instead of 2026-11-22 18:00 UTC',
      })
      // It was told of another time: of this one it is told again.
      await ticks(db, later(36))
      await endApprovalRule({ ...admin, now: later(37) }, { ruleId, reason: 'The test is over.' })
      expect(await getScopeRequest(admin, id)).toMatchObject({ dueAt: later(8).toISOString() })
      await ticks(db, later(37))
      expect(await told(db, agentId)).toEqual([
        'scope_request.reminded',
        'scope_request.due_changed',
        'scope_request.reminded',
        'scope_request.due_changed',
        'scope_request.overdue',
      ])
      await ended(world)
    },
  )

  dbTest('a rule that only waits for a second person changes nothing yet', async ({ db }) => {
    const world = await scene(db, { classes: ['write'], dueHours: 8, steps: [['security'], ['on_call']] })
    const id = await asked(world)
    const easy = createApprovalRuleInput.parse({
      title: 'One is enough',
      position: 1,
      dueHours: 100,
      steps: [['security']],
    })
    const { ruleId, waits } = await createApprovalRule(world.admin, easy)
    expect(waits).toBe(true)
    expect(await getScopeRequest(world.admin, id)).toMatchObject({ dueAt: later(8).toISOString() })
    await endApprovalRule(world.admin, { ruleId, reason: 'The test is over.' })
    expect(await told(db, world.agentId)).toEqual([])
    await ended(world)
  })

  dbTest('and when the agent’s tier changes, the worker sees it: once, with two at once', async ({ db }) => {
    const world = await scene(db, { classes: ['write'], tiers: ['high'], dueHours: 8 })
    const id = await asked(world)
    await db.agent.update({ where: { id: world.agentId }, data: { tier: 'low' } })
    await ticks(db, later(1))
    expect(await getScopeRequest(world.admin, id)).toMatchObject({ dueAt: later(24).toISOString() })
    expect(await told(db, world.agentId)).toEqual(['scope_request.due_changed'])
    await ended(world)
  })
})

describe('the review of break-glass', () => {
  async function glass(db: Db, world: Scene) {
    const onCall = ctxFor(db, await person(db, 'on_call'), now)
    const reason = 'Invoices of today are posted twice and must be reversed.'
    const { agentId, serverId } = world
    const wanted = { agentId, serverId, class: 'write', toolName: null, minutes: 60, reason } as const
    const taken = await breakGlass(onCall, wanted)
    if (!taken.ok) throw new Error(taken.error.message)
    return taken.value.grantId
  }

  dbTest(
    'is due by the rule that fits, reminded of, announced and passed on: once each, by two workers',
    async ({ db }) => {
      const escalation = { roles: ['platform_admin' as const], afterHours: 2, times: 2 }
      const world = await scene(db, { classes: ['write'], dueHours: 4, escalation })
      const { agentId } = world
      const grantId = await glass(db, world)
      const seen = async (at: Date) =>
        (await listBreakGlass({ ...world.admin, now: at }, { state: 'open', limit: 200 })).find(
          (each) => each.grantId === grantId,
        )
      expect(await seen(now)).toMatchObject({
        dueAt: later(4).toISOString(),
        overdue: false,
        remindedAt: null,
        escalations: 0,
      })
      await ticks(db, justBefore(3))
      expect(await told(db, agentId)).toEqual([])
      await ticks(db, later(3))
      await ticks(db, justBefore(4))
      expect(await told(db, agentId)).toEqual(['break_glass_review.reminded'])
      await ticks(db, later(4))
      await ticks(db, later(6))
      await ticks(db, later(30))
      await ticks(db, later(60))
      expect(await told(db, agentId)).toEqual([
        'break_glass_review.reminded',
        'break_glass_review.overdue',
        'break_glass_review.escalated',
        'break_glass_review.escalated',
      ])
      expect(await seen(later(30))).toMatchObject({ overdue: true, remindedAt: later(3).toISOString(), escalations: 2 })
      expect(
        (await auditOf(db, agentId)).findLast(({ event }) => event === 'break_glass_review.escalated')?.detail,
      ).toEqual({
        grantId,
        step: 2,
        of: 2,
        roles: ['platform_admin'],
        teamId: null,
        dueAt: later(4).toISOString(),
      })
      await ended(world)
    },
  )

  dbTest('is not told of once somebody has reviewed it, and is due anew when the rules change', async ({ db }) => {
    const world = await scene(db, { classes: ['write'], dueHours: 4 })
    const grantId = await glass(db, world)
    await ended(world)
    expect((await auditOf(db, world.agentId)).at(-1)).toMatchObject({
      event: 'break_glass_review.due_changed',
      detail: {
        grantId,
        before: later(4).toISOString(),
        after: later(24).toISOString(),
        approvalRule: 'Everything else',
      },
    })
    const security = ctxFor(db, await person(db, 'security'), later(5))
    expect(await reviewBreakGlass(security, { grantId, verdict: 'justified', note: 'It was needed.' })).toMatchObject({
      ok: true,
    })
    await ticks(db, later(20))
    await ticks(db, later(40))
    expect(await told(db, world.agentId)).toEqual(['break_glass_review.due_changed'])
  })

  dbTest('each step is taken by one of two workers', async ({ db }) => {
    const escalation = { roles: ['platform_admin' as const], afterHours: 1, times: 1 }
    const world = await scene(db, { classes: ['write'], dueHours: 4, escalation })
    await glass(db, world)
    const both = async (work: (ctx: Ctx) => Promise<number>, at: Date) => {
      const worker = ctxFor(db, undefined, at)
      const [one, two] = await Promise.all([work(worker), work(worker)])
      return one + two
    }
    await db.breakGlassReview.updateMany({ where: { agentId: { not: world.agentId } }, data: { reviewedAt: now } })
    expect(await both((ctx) => tellOfClocked(ctx, 'review', 'reminded'), later(3))).toBe(1)
    expect(await both((ctx) => tellOfClocked(ctx, 'review', 'overdue'), later(4))).toBe(1)
    expect(await both((ctx) => passOnOverdue(ctx, 'review'), later(5))).toBe(1)
    await db.agent.update({ where: { id: world.agentId }, data: { tier: 'low' } })
    await db.approvalRule.updateMany({ where: { id: world.ruleId }, data: { tiers: ['high'] } })
    await db.scopeRequest.updateMany({ where: { state: 'pending' }, data: { state: 'withdrawn' } })
    expect(await both(renewDueTimes, later(6))).toBe(1)
    await ended(world)
  })
})
