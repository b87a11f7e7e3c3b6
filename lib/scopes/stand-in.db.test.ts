import { describe, expect } from 'vitest'
import type { z } from 'zod'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { createDelegation, revokeDelegation } from '#lib/delegation/commands.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { approvalRuleInForce } from '#lib/dev/test/two-people.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { createApprovalRule, decideScopeRequest, remindOfScopes, requestScope } from './commands.ts'
import { passOnOverdue } from './passing-on.ts'
import { getScopeRequest, listWaitingRequests, whoIsAsked } from './queries.ts'
import { requestScopeInput } from './schema.ts'
import { createApprovalRuleInput } from './schema/approval-policy.ts'

const now = new Date('2026-11-26T09:00:00Z')
const later = (hours: number) => new Date(now.getTime() + hours * 3_600_000)
type Person = Awaited<ReturnType<typeof makePerson>>
const person = (db: Db, role: Role, teamIds: string[] = []) => makePerson(db, { roles: [role], teamIds })

/** A request under a rule of its own: each scene has another tier, environment and sensitivity, so that they do not meet. */
async function scene(db: Db, rule: Partial<z.input<typeof createApprovalRuleInput>> = {}) {
  const admin = await person(db, 'platform_admin')
  const { id: agentId, teamId } = await makeAgent(db, { tier: 'medium' })
  const serverId = await makeServer(db, { environment: 'staging', sensitivity: 'confidential' })
  await db.approvalRule.updateMany({ where: { removedAt: null }, data: { removedAt: now } })
  const input = createApprovalRuleInput.parse({ title: 'For a test', steps: [['security']], dueHours: 8, ...rule })
  await approvalRuleInForce(ctxFor(db, admin, now), input)
  const builder = await person(db, 'builder', [teamId])
  const wanted = requestScopeInput.parse({ agentId, serverId, class: 'write', days: 30, reason: 'to post corrections' })
  const asked = await requestScope(ctxFor(db, builder, now), wanted)
  if (!asked.ok) throw new Error(asked.error.message)
  return { admin, agentId, teamId, serverId, builder, requestId: asked.value.requestId }
}

async function away(db: Db, who: Person, to: Person): Promise<string> {
  const input = { delegateId: to.id, endsAt: later(48).toISOString(), reason: 'On leave.' }
  const made = await createDelegation(ctxFor(db, who, now), input)
  if (!made.ok) throw new Error(made.error.message)
  return made.value.delegationId
}
const approve = (db: Db, who: Person, requestId: string, absent?: Person, when = now) =>
  decideScopeRequest(ctxFor(db, who, when), {
    requestId,
    decision: 'approve',
    ...(absent ? { forPersonId: absent.id } : {}),
  })

describe('who stands in', () => {
  dbTest('decides as themselves, for the other, on the record, while it lasts', async ({ db }) => {
    const { requestId, agentId } = await scene(db)
    const [maya, sam] = [await person(db, 'security'), await person(db, 'security')]
    expect(await approve(db, sam, requestId, maya)).toMatchObject({ error: { rule: 'scopes:not_standing_in' } })
    const delegationId = await away(db, maya, sam)
    const read = await getScopeRequest(ctxFor(db, sam, now), requestId)
    expect(read.standIns).toMatchObject([{ person: { id: maya.id }, until: later(48).toISOString() }])
    expect(await approve(db, sam, requestId, maya, later(48))).toMatchObject({ ok: false })
    await revokeDelegation(ctxFor(db, maya, now), { delegationId })
    expect(await approve(db, sam, requestId, maya)).toMatchObject({ error: { rule: 'scopes:not_standing_in' } })
    await away(db, maya, sam)
    expect(await approve(db, sam, requestId, maya)).toMatchObject({ ok: true })
    expect(await getScopeRequest(ctxFor(db, sam, now), requestId)).toMatchObject({
      state: 'approved',
      decidedBy: { id: sam.id },
      decidedFor: { id: maya.id },
      policy: { steps: [{ approved: { by: { id: sam.id }, for: { id: maya.id } } }] },
    })
    const approved = (await auditOf(db, agentId)).find(({ event }) => event === 'scope_request.approved')
    expect(approved?.detail).toMatchObject({ standsInFor: { id: maya.id, name: maya.name } })
  })

  dbTest('may do nothing that either of the two may not', async ({ db }) => {
    const { requestId, teamId, agentId } = await scene(db)
    const inTeam = await person(db, 'security', [teamId])
    const sam = await person(db, 'security')
    await away(db, inTeam, sam)
    expect(await approve(db, sam, requestId, inTeam)).toMatchObject({ error: { rule: 'scopes:own_team' } })
    const asker = await person(db, 'security')
    await db.scopeRequest.update({ where: { id: requestId }, data: { requestedById: asker.id } })
    const lee = await person(db, 'security')
    await away(db, asker, lee)
    expect(await approve(db, lee, requestId, asker)).toMatchObject({ error: { rule: 'scopes:own_request' } })
    const answers = await person(db, 'security')
    await db.agent.update({ where: { id: agentId }, data: { accountablePersonId: answers.id } })
    const kim = await person(db, 'security')
    await away(db, answers, kim)
    expect(await approve(db, kim, requestId, answers)).toMatchObject({ error: { rule: 'scopes:own_agent' } })
    expect((await auditOf(db, agentId)).at(-1)).toMatchObject({
      event: 'scope_request.refused',
      rule: 'scopes:own_agent',
    })
    // Other roles of the two give nothing: the shared one is not asked.
    const [ann, bob] = [
      await makePerson(db, { roles: ['security', 'on_call'] }),
      await makePerson(db, { roles: ['finance', 'on_call'] }),
    ]
    await away(db, ann, bob)
    expect(await approve(db, bob, requestId, ann)).toMatchObject({ error: { rule: 'scopes:not_asked' } })
    const read = await getScopeRequest(ctxFor(db, kim, now), requestId)
    expect(read.standIns).toEqual([])
  })

  dbTest('approves no second step, nor does the other', async ({ db }) => {
    const { requestId } = await scene(db, { steps: [['security'], ['security']] })
    const [maya, sam] = [await person(db, 'security'), await person(db, 'security')]
    await away(db, maya, sam)
    expect(await approve(db, sam, requestId, maya)).toMatchObject({ ok: true, value: { grantIds: [] } })
    for (const again of [
      approve(db, sam, requestId),
      approve(db, maya, requestId),
      approve(db, sam, requestId, maya),
    ]) {
      expect(await again).toMatchObject({ error: { rule: 'scopes:approved_already' } })
    }
    expect(await approve(db, await person(db, 'security'), requestId)).toMatchObject({ ok: true })
  })
})

describe('a request that is overdue still', () => {
  const remind = (db: Db, when: Date) => remindOfScopes(ctxFor(db, undefined, when))
  const escalations = async (db: Db, id: string) =>
    (await auditOf(db, id)).filter(({ event }) => event === 'scope_request.escalated').map(({ detail }) => detail)

  dbTest('is passed on once for each step, whichever worker does it, and never once it is decided', async ({ db }) => {
    const escalation = { roles: ['finance' as const], afterHours: 2, times: 2 }
    const { requestId, agentId, admin } = await scene(db, { escalation })
    const ofData = {
      title: 'About people',
      position: 1,
      dataClasses: ['personal' as const],
      steps: [['security' as const]],
    }
    await approvalRuleInForce(ctxFor(db, admin, now), createApprovalRuleInput.parse(ofData))
    await remind(db, new Date(later(10).getTime() - 1))
    expect(await escalations(db, agentId)).toEqual([])
    await Promise.all([1, 2, 3].map(() => remind(db, later(10))))
    await remind(db, later(11))
    expect(await escalations(db, agentId)).toMatchObject([{ requestId, step: 1, of: 2, roles: ['finance'] }])
    await Promise.all([1, 2, 3].map(() => remind(db, later(12))))
    await remind(db, later(40))
    expect((await escalations(db, agentId)).map((detail) => (detail as { step: number }).step)).toEqual([1, 2])
    const finance = await person(db, 'finance')
    expect(await approve(db, finance, requestId)).toMatchObject({ error: { rule: 'scopes:not_asked' } })
    const decided = await scene(db, { escalation })
    await approve(db, await person(db, 'security'), decided.requestId)
    await remind(db, later(40))
    expect(await escalations(db, decided.agentId)).toEqual([])
  })

  dbTest('that cannot be passed on stops no other reminder', async ({ db }) => {
    const { agentId } = await scene(db, { escalation: { roles: ['finance' as const], afterHours: 2, times: 2 } })
    await db.$executeRawUnsafe(`create function refuse_escalation() returns trigger language plpgsql as
      $$ begin raise exception 'refused'; end $$`)
    await db.$executeRawUnsafe(`create trigger refuse_escalation before update of "escalations" on "ScopeRequest"
      for each row execute function refuse_escalation()`)
    const serverId = await makeServer(db)
    await makeGrant(db, { agentId, serverId, createdAt: now, expiresAt: later(1) })
    await expect(remind(db, later(10))).rejects.toThrow('reminders failed')
    await expect(passOnOverdue(ctxFor(db, undefined, later(10)), 'request')).rejects.toThrow('refused')
    await db.$executeRawUnsafe('drop function refuse_escalation cascade')
    const told = (await auditOf(db, agentId)).map(({ event }) => event)
    expect(told).toEqual(expect.arrayContaining(['scope_request.overdue', 'grant.ended']))
    expect(await escalations(db, agentId)).toEqual([])
  })

  dbTest('may be decided by whom it was passed on to, if the rule says so, and from then on only', async ({ db }) => {
    const { requestId, admin, teamId } = await scene(db)
    const standby = await makePerson(db, { roles: ['on_call'], teamIds: [(await makeAgent(db)).teamId] })
    const escalation = { roles: ['finance' as const], teamId: standby.teamIds[0]!, afterHours: 1, mayDecide: true }
    await db.approvalRule.updateMany({ where: { removedAt: null }, data: { removedAt: now } })
    const rule = { title: 'Passed on', steps: [['security']], dueHours: 8, escalation }
    await approvalRuleInForce(ctxFor(db, admin, now), createApprovalRuleInput.parse(rule))
    const finance = await person(db, 'finance')
    const people = [finance, standby, await person(db, 'on_call'), await person(db, 'finance', [teamId])]
    const asked = async () => (await whoIsAsked(ctxFor(db, undefined, now), { requestId, people })).map(({ id }) => id)
    expect(await asked()).toEqual([])
    expect(await approve(db, finance, requestId)).toMatchObject({ error: { rule: 'scopes:not_asked' } })
    await remind(db, later(9))
    expect(await asked()).toEqual([finance.id, standby.id])
    expect(await approve(db, standby, requestId)).toMatchObject({ ok: true })
    const unknown = createApprovalRuleInput.parse({ ...rule, escalation: { ...escalation, teamId: 'nobody' } })
    await expect(createApprovalRule(ctxFor(db, admin, now), unknown)).rejects.toMatchObject({ code: 'invalid' })
  })
})

dbTest('a grant that has ended by itself is announced once, unless that is old news', async ({ db }) => {
  const { id: agentId } = await makeAgent(db)
  const serverId = await makeServer(db)
  const base = {
    agentId,
    serverId,
    class: 'read' as const,
    reason: 'to be tested',
    via: 'request',
    createdAt: later(-99),
  }
  const { id } = await db.grant.create({ data: { ...base, expiresAt: later(1) } })
  await db.grant.create({ data: { ...base, expiresAt: later(-90) } })
  await db.grant.create({ data: { ...base, expiresAt: later(1), revokedAt: now } })
  const ended = async () =>
    (await auditOf(db, agentId)).filter(({ event }) => event === 'grant.ended').map(({ detail }) => detail)
  await remindOfScopes(ctxFor(db, undefined, new Date(later(1).getTime() - 1)))
  expect(await ended()).toEqual([])
  await Promise.all([1, 2, 3].map(() => remindOfScopes(ctxFor(db, undefined, later(1)))))
  await remindOfScopes(ctxFor(db, undefined, later(2)))
  expect(await ended()).toMatchObject([{ grantId: id }])
})

dbTest('what waits for somebody is what they could approve now, with in whose place', async ({ db }) => {
  const { requestId, builder } = await scene(db)
  const [maya, sam, finance] = [await person(db, 'security'), await person(db, 'security'), await person(db, 'finance')]
  await away(db, maya, sam)
  const waiting = async (who: Person) =>
    (await listWaitingRequests(ctxFor(db, who, now), { limit: 50 })).items.filter(({ id }) => id === requestId)
  expect(await waiting(sam)).toMatchObject([{ id: requestId, standIns: [{ person: { id: maya.id } }] }])
  expect(await waiting(maya)).toMatchObject([{ standIns: [] }])
  expect(await waiting(finance)).toEqual([])
  expect(await waiting(builder)).toEqual([])
})
