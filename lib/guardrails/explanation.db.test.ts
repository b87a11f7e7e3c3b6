import { expect } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import type { AuditEntry } from '#lib/audit/events.ts'
import { anonymous, type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { suspendAgent } from '#lib/lifecycle/commands.ts'
import { createHoldRule, holdCall } from './commands.ts'
import { updateServer } from '#lib/registry/commands.ts'
import { explainDecision } from './queries/explanation/decision.ts'
import { simulate } from './queries/explanation/simulate.ts'
import { createHoldRuleInput } from './schema/held-calls.ts'
import { explainRule } from './rules/explain.ts'
import { rules } from './schema.ts'

const dayMs = 86_400_000
const policySet = { kind: 'policy_set', id: 'p', name: 'p' }

test('who asks what would be decided needs agents:read, and an instant that can be known', async ({ db }) => {
  const call = { agentId: 'nobody', serverId: 'nowhere', tool: 'look' }
  await expect(simulate(ctxFor(db, anonymous), call)).rejects.toMatchObject({ code: 'unauthenticated' })
  await expect(simulate(ctxFor(db), { ...call, at: 'soon' })).rejects.toMatchObject({ details: { field: 'at' } })
  await expect(simulate(ctxFor(db), { ...call, at: '2001-01-01' })).rejects.toMatchObject({ details: { field: 'at' } })
  expect(await simulate(ctxFor(db), call)).toMatchObject({ outcome: 'refused', rule: 'agent_unknown', step: 'caller' })
})

test('what is to come is decided with what ends until then', async ({ db }) => {
  const { agentId, serverId, ctx } = await fleet(db)
  await makeGrant(db, { agentId, serverId, expiresAt: new Date(ctx.now.getTime() + dayMs) })
  const call = { agentId, serverId, tool: 'look' }
  expect(await simulate(ctx, call)).toMatchObject({ outcome: 'allowed', rule: null })
  const later = await simulate(ctx, { ...call, at: new Date(ctx.now.getTime() + dayMs).toISOString() })
  expect(later).toMatchObject({ outcome: 'refused', rule: 'grant_expired', facts: { grant: expect.any(String) } })
})

test('what was is decided as it was', async ({ db }) => {
  const { agentId, serverId } = await fleet(db)
  const call = { agentId, serverId, tool: 'look' }
  const before = await instant(db)
  await makeGrant(db, { agentId, serverId })
  const holdRule = { title: 'Waits', serverId, deciderRoles: ['security'], decideSeconds: 60 }
  const granted = await instant(db)
  await db.holdRule.create({ data: { ...holdRule, createdAt: await instant(db) } })
  const held = await instant(db)
  // By a clock that is ahead of the database's.
  const orderedAt = new Date(Date.now() + 5000)
  const stop = { scope: 'agent' as const, targetId: agentId, reason: 'a test', orderedByName: 'Ada' }
  await db.stopOrder.create({ data: { ...stop, orderedAt } })
  const stopped = await instant(db)
  await db.overBudget.create({ data: { agentId, month: '2020-01', spentMicros: 2n, budgetMicros: 1n } })
  const at = (when: Date) => simulate(ctxFor(db, undefined, new Date()), { ...call, at: when.toISOString() })
  expect(await at(before)).toMatchObject({ rule: 'grant_missing' })
  expect(await at(granted)).toMatchObject({ outcome: 'allowed' })
  expect(await at(held)).toMatchObject({ outcome: 'held', hold: { title: 'Waits', deciderRoles: ['security'] } })
  expect(await at(stopped)).toMatchObject({ rule: 'killed', setBy: { by: { name: 'Ada' }, reason: 'a test' } })
})

test('a decision is explained to whoever sees runs, and what people did to auditors and themselves', async ({ db }) => {
  const { agentId, serverId } = await fleet(db)
  const builder = await makePerson(db)
  const reader = ctxFor(db, builder)
  const denied = await record(db, denial(agentId, serverId, 'grant_missing'))
  expect(await explainDecision(reader, { id: denied })).toMatchObject({
    decision: denied,
    outcome: 'refused',
    rule: 'grant_missing',
    step: 'grant',
    about: { agent: { id: agentId }, server: { id: serverId }, tool: 'look', class: 'read' },
    now: { rule: 'grant_missing', differs: false },
  })
  await expect(explainDecision(ctxFor(db, anonymous), { id: denied })).rejects.toMatchObject({
    code: 'unauthenticated',
  })
  const refusal: AuditEntry<'scope_request.refused'> = {
    event: 'scope_request.refused',
    subject: { kind: 'agent', id: agentId, name: agentId },
    agentId,
    rule: 'scopes:own_team',
    decision: 'deny',
    detail: { requestId: null, reason: 'Your team owns this agent.' },
  }
  const ofAnother = await record(db, refusal, ctxFor(db, await makePerson(db)))
  await expect(explainDecision(reader, { id: ofAnother })).rejects.toMatchObject({
    details: { permission: 'audit:read' },
  })
  const own = await record(db, refusal, reader)
  expect(await explainDecision(reader, { id: own })).toMatchObject({ step: 'person', now: null, steps: [] })
  const auditor = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  expect(await explainDecision(auditor, { id: ofAnother })).toMatchObject({ rule: 'scopes:own_team' })
  const change = await record(db, { event: 'agent.activated', subject: refusal.subject, agentId, detail: {} })
  await expect(explainDecision(auditor, { id: change })).rejects.toMatchObject({ code: 'not_found' })
  await expect(explainDecision(auditor, { id: crypto.randomUUID() })).rejects.toMatchObject({ code: 'not_found' })
})

test('it says whether the call would be decided otherwise now, and what has turned it', async ({ db }) => {
  const { agentId, serverId } = await fleet(db)
  const id = await record(db, denial(agentId, serverId, 'grant_missing'))
  const grantId = await makeGrant(db, { agentId, serverId })
  const security = await makePerson(db, { roles: ['security'], name: 'Grace' })
  const later = ctxFor(db, security, new Date(Date.now() + 180_000))
  await record(db, givenBy({ agentId, serverId, grantId }), later)
  const explained = await explainDecision(ctxFor(db, security), { id })
  expect(explained.now).toMatchObject({ outcome: 'allowed', rule: null, differs: true })
  expect(explained.now?.because).toMatchObject([{ event: 'grant.created' }])
  expect(explained.now?.because[0]?.text).toMatch(/^A grant was given \(read\) by Grace, [23] minutes later\.$/)
})

test('it names who set it and who can change it', async ({ db }) => {
  const { agentId, teamId, serverId } = await fleet(db)
  const admin = await makePerson(db, { roles: ['platform_admin'], name: 'Ada Admin' })
  const lead = await makePerson(db, { roles: ['team_lead'], teamIds: [teamId], name: 'Lea Lead' })
  const elsewhere = await makePerson(db, { roles: ['team_lead'], name: 'Otto Other' })
  const ownSecurity = await makePerson(db, { roles: ['security'], teamIds: [teamId], name: 'Otis Own' })
  const security = await makePerson(db, { roles: ['security'], name: 'Sec Urity' })
  const namesOf = async (rule: keyof typeof rules) => {
    const id = await record(db, denial(agentId, serverId, rule))
    const { changedBy, setBy } = await explainDecision(ctxFor(db, admin), { id })
    return { keepers: changedBy!.people.map(({ name }) => name), setBy }
  }
  // Nobody grants scopes to an agent of their own team.
  const missing = await namesOf('grant_missing')
  expect(missing.keepers).toContain(security.name)
  expect(missing.keepers).not.toContain(ownSecurity.name)

  await suspendAgent(ctxFor(db, lead), { agentId, reason: 'It posts twice.' })
  const suspended = await namesOf('agent_not_active')
  expect(suspended.setBy).toMatchObject({ by: { name: lead.name }, reason: 'It posts twice.', at: expect.any(String) })
  expect(suspended.keepers).toContain(lead.name)
  expect(suspended.keepers).not.toContain(elsewhere.name)

  await updateServer(ctxFor(db, admin), { id: serverId, status: 'disabled', reason: 'It leaks.' })
  expect((await namesOf('server_disabled')).setBy).toMatchObject({ by: { name: admin.name }, reason: 'It leaks.' })
})

test('of what was let through it says by which grant and policies, and of what is held by which rule', async ({
  db,
}) => {
  const { agentId, serverId, ctx } = await fleet(db)
  const security = await makePerson(db, { roles: ['security'], name: 'Grace Grants' })
  const asSecurity = ctxFor(db, security)
  const grantId = await makeGrant(db, { agentId, serverId })
  await record(db, givenBy({ agentId, serverId, grantId }), asSecurity)
  const { decision: _, rule: __, ...about } = denial(agentId, serverId, '')
  const detail = { argumentsDigest: 'd', class: 'read', outcome: 'ok', ms: 3, grantId, policyVersion: 'v1' } as const
  const allowed = await record(db, { ...about, event: 'mcp.call_allowed', decision: 'allow', detail })
  const held = { title: 'Reads wait', serverId, deciderRoles: ['security' as const] }
  const { ruleId } = await createHoldRule(asSecurity, createHoldRuleInput.parse(held))
  expect(await explainDecision(ctx, { id: allowed })).toMatchObject({
    outcome: 'allowed',
    rule: null,
    facts: { grant: grantId, policyVersion: 'v1', result: 'ok' },
    setBy: { by: { name: 'Grace Grants' }, reason: 'to be tested' },
    now: { outcome: 'held', differs: true, because: [{ event: 'hold_rule.created' }] },
  })
  const exact = {
    agentId,
    agentVersion: 1,
    runId: null,
    serverId,
    tool: 'look',
    definitionHash: 'h',
    policyVersion: 'v1',
  }
  const rule = { ...held, id: ruleId, excludedDeciders: [], decideSeconds: 60, onTimeout: 'deny' } as const
  await holdCall(ctxFor(db), { source: 'broker', call: { ...exact, arguments: { word: 'x' } }, class: 'read', rule })
  const event = await db.auditEvent.findFirstOrThrow({ where: { event: 'call.held', agentId } })
  expect(await explainDecision(ctx, { id: event.id })).toMatchObject({
    outcome: 'held',
    step: 'hold',
    facts: { holdRule: ruleId },
    setBy: { by: { name: 'Grace Grants' } },
    now: { outcome: 'held', differs: false },
  })
})

test('a call that a set of policies would refuse now was turned by the set that was enforced', async ({ db }) => {
  const { agentId, serverId, ctx } = await fleet(db)
  await makeGrant(db, { agentId, serverId })
  const before = await policySetEnforced(db, [permitsGranted], ctx)
  const { decision: _, rule: __, ...about } = denial(agentId, serverId, '')
  const detail = { argumentsDigest: 'd', class: 'read', outcome: 'ok', ms: 3, policyVersion: before.version } as const
  const id = await record(db, { ...about, event: 'mcp.call_allowed', decision: 'allow', detail })
  expect((await explainDecision(ctx, { id })).now).toMatchObject({ outcome: 'allowed', differs: false, because: [] })
  const forbidding = await policySetEnforced(db, [
    permitsGranted,
    forbids('policy_no_reads', 'resource.class == "read"'),
  ])
  const { now } = await explainDecision(ctx, { id })
  expect(now).toMatchObject({ outcome: 'refused', rule: 'policy_no_reads', differs: true })
  const said = new RegExp(`^Policy set ${forbidding.number} was enforced by `)
  expect(now?.because).toMatchObject([{ event: 'policy_set.enforced', text: expect.stringMatching(said) }])

  // The other way round: refused by it then, and it was rolled back.
  const refused = await record(db, denial(agentId, serverId, 'policy_no_reads'))
  await enforcePolicies(db, [permitsGranted])
  const rolledBack = { number: before.number, version: before.version, superseded: forbidding.number, reason: 'a test' }
  await record(db, { event: 'policy_set.rolled_back', subject: policySet, detail: rolledBack }, later(db))
  expect((await explainDecision(ctx, { id: refused })).now).toMatchObject({
    outcome: 'allowed',
    because: [
      { event: 'policy_set.rolled_back', text: expect.stringMatching(/^Policy set \d+ was put in force again/) },
    ],
  })
})

test('every rule of the table is explained in full', async ({ db }) => {
  const { agentId, serverId, ctx } = await fleet(db)
  for (const rule of Object.keys(rules)) {
    const id = await record(db, denial(agentId, serverId, rule))
    const explained = await explainDecision(ctx, { id })
    expect({ rule, explained }).toMatchObject({
      explained: { rule, title: explainRule(rule).title, remedy: expect.stringMatching(/\.$/) },
    })
    expect({ rule, step: explained.step }).not.toMatchObject({ step: null })
    expect({ rule, setBy: explained.setBy?.text }).toEqual({ rule, setBy: expect.stringMatching(/\S/) })
    expect({ rule, how: explained.changedBy?.how }).toEqual({ rule, how: expect.stringMatching(/\.$/) })
    expect({ rule, next: explained.next.length > 0 }).toEqual({ rule, next: true })
  }
})

async function fleet(db: Db) {
  const { id: agentId, teamId } = await makeAgent(db, { tier: 'high' })
  return { agentId, teamId, serverId: await makeServer(db), ctx: ctxFor(db) }
}

function denial(agentId: string, serverId: string, rule: string): AuditEntry<'mcp.call_denied'> {
  return {
    event: 'mcp.call_denied',
    subject: { kind: 'tool', id: `${serverId}/look`, name: 'look' },
    agentId,
    serverId,
    tool: 'look',
    decision: 'deny',
    rule,
    detail: { argumentsDigest: null, class: 'read', message: 'It is refused.' },
  }
}

function givenBy(of: { agentId: string; serverId: string; grantId: string }): AuditEntry<'grant.created'> {
  const { agentId, serverId, grantId } = of
  const terms = { class: 'read', toolName: null, via: 'request', expiresAt: null, requestId: null }
  return {
    event: 'grant.created',
    subject: { kind: 'agent', id: agentId, name: agentId },
    agentId,
    serverId,
    detail: { grantId, ...terms, reason: 'to be tested', conditions: [], rate: null, limits: [] },
  }
}

async function record(db: Db, entry: AuditEntry, ctx: Ctx = ctxFor(db)): Promise<string> {
  await inTx(ctx, async (tx, ctx) => recordAudit(tx, ctx, entry))
  const last = await db.auditEvent.findFirstOrThrow({ where: { event: entry.event }, orderBy: { seq: 'desc' } })
  return last.id
}

async function policySetEnforced(db: Db, policies: string[], ctx = later(db)) {
  const { number, version } = await enforcePolicies(db, policies)
  const detail = { number, version, superseded: null, withoutReplay: null }
  await record(db, { event: 'policy_set.enforced', subject: policySet, detail }, ctx)
  return { number, version }
}

/** A minute after everything on record. */
function later(db: Db, who?: Ctx['actor']): Ctx {
  return ctxFor(db, who, new Date(Date.now() + 60_000))
}
