import { expect } from 'vitest'
import { inTx } from '#lib/auth/ctx.ts'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { auditOf, ctxFor, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeActiveAgent } from '#lib/dev/test/lifecycle.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { updateAgent } from '#lib/lifecycle/commands.ts'
import { breakGlass, decideScopeRequest, requestScope, reviewBreakGlass } from '#lib/scopes/commands.ts'
import { getScopeRequest, listBreakGlass, listWaitingRequests, whoIsAsked, whoMayReview } from '#lib/scopes/queries.ts'
import { requestScopeInput } from '#lib/scopes/schema.ts'
import { createHoldRule, decideHeldCall, holdCall, openHoldBypass } from './commands.ts'
import { whoMayDecide } from './queries/deciders.ts'
import { getHeldCall } from './queries/held-calls.ts'
import { loadRegistryFacts } from './queries/policy-view.ts'
import { holdFor } from './rules/holds.ts'
import { createHoldRuleInput } from './schema/held-calls.ts'

const now = new Date('2026-11-22T10:00:00Z')
const days = (count: number) => new Date(now.getTime() + count * 86_400_000)

/** An agent, and people who could decide for it: whoever was accountable, whoever's team owned it, and somebody else; both gave it away a moment ago. */
async function givenAway(db: Db) {
  const { id: agentId, teamId, builder } = await makeActiveAgent(db, now)
  const serverId = await makeServer(db, { environment: 'production' })
  const person = async (roles: Role[], teamIds: string[] = []) => await makePerson(db, { roles, teamIds })
  const accountable = await person(['security', 'platform_admin'])
  const member = await person(['security', 'platform_admin'], [teamId])
  const other = await person(['security'])
  const keeper = await person(['builder'])
  const change = (by: typeof member, fields: object) => updateAgent(ctxFor(db, by, now), { agentId, ...fields })
  await change(member, { accountablePersonId: accountable.id })
  await change(accountable, { accountablePersonId: keeper.id })
  await change(member, { ownerTeamId: await makeTeam(db) })
  return { agentId, teamId, serverId, builder, accountable, member, other, keeper, change }
}

dbTest('nobody decides a scope by giving the agent away for a while', async ({ db }) => {
  const { agentId, serverId, accountable, member, other } = await givenAway(db)
  const asker = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now)
  const asked = requestScopeInput.parse({ agentId, serverId, class: 'write', days: 7, reason: 'to post corrections' })
  const request = await requestScope(asker, asked)
  if (!request.ok) throw new Error(request.error.message)
  const { requestId } = request.value
  for (const [who, rule] of [
    [accountable, 'scopes:own_agent'],
    [member, 'scopes:own_team'],
  ] as const) {
    const ctx = ctxFor(db, who, days(29))
    const refused = await decideScopeRequest(ctx, { requestId, decision: 'approve' })
    expect(refused).toMatchObject({ error: { rule, message: expect.stringContaining('within the last 30 days') } })
    expect((await getScopeRequest(ctx, requestId)).decidable).toMatchObject({ allowed: false, refusal: { rule } })
    expect((await listWaitingRequests(ctx, { limit: 50 })).items.filter(({ id }) => id === requestId)).toEqual([])
  }
  expect((await auditOf(db, agentId)).filter(({ event }) => event === 'scope_request.refused')).toHaveLength(2)
  const people = [accountable, member, other]
  expect(await whoIsAsked(ctxFor(db, undefined, days(29)), { requestId, people })).toEqual([other])
  // Whose it was longer ago decides as anybody.
  expect(await whoIsAsked(ctxFor(db, undefined, days(31)), { requestId, people })).toEqual(people)
  expect(await decideScopeRequest(ctxFor(db, accountable, days(31)), { requestId, decision: 'approve' })).toMatchObject(
    { ok: true },
  )
})

dbTest('nobody decides a held call by giving the agent away for a while', async ({ db }) => {
  const { agentId, serverId, accountable, member, other } = await givenAway(db)
  const held = await holdCall(ctxFor(db, undefined, now), {
    source: 'broker',
    call: exactCall({ agentId, serverId }),
    class: 'write',
    rule: {
      id: null,
      title: 'Changes wait',
      deciderRoles: ['security'],
      excludedDeciders: ['own_team'],
      decideSeconds: 600,
      onTimeout: 'deny',
    },
  })
  const { heldCallId } = held
  for (const [who, rule] of [
    [accountable, 'approvals:own_agent'],
    [member, 'approvals:team_excluded'],
  ] as const) {
    const ctx = ctxFor(db, who, now)
    expect(await decideHeldCall(ctx, { heldCallId, decision: 'approve' })).toMatchObject({ error: { rule } })
    expect((await getHeldCall(ctx, heldCallId)).decidable).toMatchObject({ allowed: false, refusal: { rule } })
  }
  const people = [accountable, member, other]
  expect(await whoMayDecide(ctxFor(db, undefined, now), { heldCallId, people })).toEqual([other])
  expect(await decideHeldCall(ctxFor(db, other, now), { heldCallId, decision: 'approve' })).toMatchObject({ ok: true })
})

dbTest('nobody reviews break-glass by giving the agent away for a while', async ({ db }) => {
  const { agentId, serverId, accountable, member, other } = await givenAway(db)
  const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }), now)
  const reason = 'Invoices of today are posted twice.'
  const wanted = { agentId, serverId, class: 'write', toolName: null, minutes: 60, reason } as const
  const taken = await breakGlass(onCall, wanted)
  if (!taken.ok) throw new Error(taken.error.message)
  const review = { grantId: taken.value.grantId, verdict: 'justified', note: 'It was on fire.' } as const
  for (const [who, rule] of [
    [accountable, 'scopes:own_agent'],
    [member, 'scopes:own_team'],
  ] as const) {
    const ctx = ctxFor(db, who, now)
    expect(await reviewBreakGlass(ctx, review)).toMatchObject({ error: { rule } })
    const listed = await listBreakGlass(ctx, { state: 'open', limit: 200 })
    expect(listed.find(({ grantId }) => grantId === review.grantId)?.reviewable).toMatchObject({ allowed: false })
  }
  const asked = { grantId: review.grantId, people: [accountable, member, other] }
  expect(await whoMayReview(ctxFor(db, undefined, now), asked)).toEqual([other])
  expect(await reviewBreakGlass(ctxFor(db, other, now), review)).toMatchObject({ ok: true })
})

dbTest('nobody bypasses a rule for agents that they gave away for a while', async ({ db }) => {
  const { agentId, serverId, accountable, member, other } = await givenAway(db)
  const input = { title: 'Changes wait', serverId, class: 'write', deciderRoles: ['security'] }
  const { ruleId } = await createHoldRule(ctxFor(db, other, now), createHoldRuleInput.parse(input))
  const reason = 'Everybody who may decide is on the same plane.'
  const open = (who: typeof other, of: string | null) =>
    openHoldBypass(ctxFor(db, who, now), { ruleId, agentId: of, minutes: 60, reason })
  expect(await open(accountable, agentId)).toMatchObject({ error: { rule: 'approvals:bypass_own_agent' } })
  expect(await open(member, agentId)).toMatchObject({ error: { rule: 'approvals:bypass_own_team' } })
  // One for all agents leaves out those of then.
  const bypass = await open(accountable, null)
  if (!bypass.ok) throw new Error(bypass.error.message)
  const { bypassId } = bypass.value
  expect(await db.holdBypass.findUniqueOrThrow({ where: { id: bypassId } })).toMatchObject({
    exceptAgentIds: expect.arrayContaining([agentId]),
  })
})

dbTest('nobody gives agents away to a bypass that they opened before', async ({ db }) => {
  const { id: agentId, teamId, builder } = await makeActiveAgent(db, now)
  const later = await makeActiveAgent(db, now)
  const free = await makeActiveAgent(db, now)
  const serverId = await makeServer(db)
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
  const input = { title: 'Changes wait', serverId, class: 'write', deciderRoles: ['security'] }
  const { ruleId } = await createHoldRule(security, createHoldRuleInput.parse(input))
  const opener = ctxFor(db, await makePerson(db, { roles: ['builder', 'on_call'], teamIds: [teamId] }), now)
  const reason = 'Everybody who may decide is on the same plane.'
  const opened = await openHoldBypass(opener, { ruleId, agentId: null, minutes: 480, reason })
  if (!opened.ok) throw new Error(opened.error.message)
  const passes = async (id: string) => {
    const view = await loadRegistryFacts(security, { agentId: id, serverId, past: null })
    const [agent, server] = [view.agents.get(id)!, view.servers.get(serverId)!]
    const tool = { serverId, name: 'change', class: 'write', state: 'approved' } as const
    const about = { agent, server, tool, run: { startedById: security.actor.id, writerIds: [] } }
    return holdFor({ arguments: {}, caller: {} }, about, { view, now }).rule?.id !== ruleId
  }
  expect(await passes(agentId)).toBe(false)
  await updateAgent(opener, { agentId, ownerTeamId: await makeTeam(db) })
  expect(await passes(agentId)).toBe(false)
  // Nor one that comes to their team only then, whoever gives it away.
  const changeLater = async (ownerTeamId: string) =>
    await updateAgent(ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now), {
      agentId: later.id,
      ownerTeamId,
    })
  expect(await passes(later.id)).toBe(true)
  await changeLater(teamId)
  await changeLater(await makeTeam(db))
  expect(await passes(later.id)).toBe(false)
  // Nor one they become accountable for meanwhile.
  const accountable = await makeActiveAgent(db, now)
  for (const accountablePersonId of [opener.actor.id, builder.id]) {
    await db.agent.update({ where: { id: accountable.id }, data: { accountablePersonId } })
  }
  expect(await passes(accountable.id)).toBe(false)
  expect(await passes(free.id)).toBe(true)
})

dbTest('of a bypass and a gift at once neither lets the agent through', async ({ db }) => {
  const { id: agentId, teamId } = await makeActiveAgent(db, now)
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
  const input = { title: 'Changes wait', serverId: await makeServer(db), class: 'write', deciderRoles: ['security'] }
  const { ruleId } = await createHoldRule(security, createHoldRuleInput.parse(input))
  const opener = ctxFor(db, await makePerson(db, { roles: ['builder', 'on_call'], teamIds: [teamId] }), now)
  const reason = 'Everybody who may decide is on the same plane.'
  const ownerTeamId = await makeTeam(db)
  // The gift has begun when the bypass is opened, and ends after it has looked for its own.
  let opening: ReturnType<typeof openHoldBypass> | undefined
  await inTx(opener, async (tx, ctx) => {
    await updateAgent({ ...ctx, tx }, { agentId, ownerTeamId })
    opening = openHoldBypass(opener, { ruleId, agentId: null, minutes: 60, reason })
    await new Promise((resolve) => setTimeout(resolve, 300))
  })
  const opened = await opening
  if (!opened?.ok) throw new Error('It was not opened.')
  const { exceptAgentIds } = await db.holdBypass.findUniqueOrThrow({ where: { id: opened.value.bypassId } })
  expect(exceptAgentIds).toContain(agentId)
})
