import { expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeActiveAgent } from '#lib/dev/test/lifecycle.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { approvalRuleInForce, endApprovalRule } from '#lib/dev/test/two-people.ts'
import { getAgent, getAgentVersion } from '#lib/registry/queries.ts'
import { decideScopeRequest, requestScope } from '#lib/scopes/commands.ts'
import { listScopeRequests } from '#lib/scopes/queries.ts'
import { requestScopeInput } from '#lib/scopes/schema.ts'
import { createApprovalRuleInput } from '#lib/scopes/schema/approval-policy.ts'
import {
  activateAgent,
  askForScope,
  changeAgentLogic,
  createAgent,
  decideScope,
  markReviewed,
  previewAgent,
  recordCreationStep,
  refreshAgentServers,
  resumeAgent,
  retireAgent,
  setSchedule,
  suspendAgent,
  takeBreakGlass,
  updateAgent,
} from './commands.ts'

const now = new Date('2026-11-22T10:00:00Z')
const reason = 'for the test'
const slugOf = () => `agent-${crypto.randomUUID().slice(0, 8)}`
const events = async (db: Db, id: string) => (await auditOf(db, id)).map(({ event }) => event)
const provisionJobs = (db: Db, id: string) =>
  db.$queryRaw<
    { key: string }[]
  >`select key from graphile_worker.jobs where key like ${`provision:${id}:%`} order by key`

dbTest('logic changes make immutable versions; the same logic makes none; a lost race is told', async ({ db }) => {
  const { id, builder, lead } = await makeActiveAgent(db, now)
  const ctx = ctxFor(db, builder, now)
  const layer = (prompt: string) => ({ prompt, parameters: {} })
  expect(await changeAgentLogic(ctx, { agentId: id, layer: layer('') })).toEqual({ version: 1 })
  expect(await changeAgentLogic(ctx, { agentId: id, layer: layer('two'), expectedVersion: 1 })).toEqual({ version: 2 })
  const edits = await Promise.allSettled(
    [builder, lead].map((person, index) =>
      changeAgentLogic(ctxFor(db, person, now), { agentId: id, layer: layer(`three ${index}`), expectedVersion: 2 }),
    ),
  )
  const refused = edits.filter((edit) => edit.status === 'rejected')
  expect(refused).toHaveLength(1)
  expect(refused[0]?.reason).toMatchObject({ code: 'conflict', details: { rule: 'lifecycle:version_moved' } })
  expect((await getAgent(ctx, id)).versions.map(({ version }) => version)).toEqual([3, 2, 1])
  expect((await events(db, id)).filter((event) => event === 'agent.version_created')).toHaveLength(3)
  expect(await provisionJobs(db, id)).toHaveLength(3)
  await expect(
    changeAgentLogic(ctx, { agentId: id, layer: { prompt: '', parameters: { nope: 1 } } }),
  ).rejects.toMatchObject({ code: 'invalid' })
  await expect(
    changeAgentLogic(ctx, { agentId: id, layer: layer(''), templateVersion: '9.9.9' }),
  ).rejects.toMatchObject({
    code: 'not_found',
  })
  await expect(db.agentVersion.updateMany({ where: { agentId: id }, data: { digest: 'x' } })).rejects.toThrow(/refused/)
})

dbTest('a scope on a new server brings a version that knows the server, once', async ({ db }) => {
  const { id, builder } = await makeActiveAgent(db, now)
  const other = await makeServer(db)
  const asked = await requestScope(ctxFor(db, builder, now), {
    agentId: id,
    serverId: other,
    class: 'read',
    toolNames: [],
    days: null,
    reason: 'to compare',
  })
  if (!asked.ok) throw new Error(asked.error.message)
  const { requestId } = asked.value
  const stranger = ctxFor(db, await makePerson(db, { roles: ['builder'] }), now)
  await expect(decideScope(stranger, { requestId, decision: 'approve' })).rejects.toMatchObject({ code: 'forbidden' })
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
  expect(await decideScope(security, { requestId, decision: 'approve' })).toMatchObject({ ok: true })
  expect(await decideScope(security, { requestId, decision: 'approve' })).toMatchObject({ ok: false })
  const worker = ctxFor(db, systemActor('worker'), now)
  expect(await refreshAgentServers(worker, { agentId: id })).toEqual({ version: 2 })
  expect(await provisionJobs(db, id)).toHaveLength(2)
  const { rendered } = await getAgentVersion(worker, { agentId: id, version: 2 })
  expect(rendered['mcpServers']).toContainEqual({ name: other, path: `/mcp/${other}` })
  const versions = await db.agentVersion.findMany({ where: { agentId: id }, orderBy: { version: 'asc' } })
  // Who approved it made the version, and wrote none of it.
  expect(versions.map(({ createdById }) => createdById)).toEqual([builder.id, security.actor.id])
  for (const { promptById, parametersById, templateById } of versions) {
    expect([promptById, parametersById, templateById]).toEqual([builder.id, builder.id, builder.id])
  }
})

dbTest('break-glass on a server that the version does not know brings such a version, too', async ({ db }) => {
  const { id } = await makeActiveAgent(db, now)
  const other = await makeServer(db)
  const onCall = await makePerson(db, { roles: ['on_call'] })
  const reason = 'Invoices of today are posted twice and must be reversed.'
  const wanted = { agentId: id, serverId: other, class: 'write', toolName: null, minutes: 60, reason } as const
  expect(await takeBreakGlass(ctxFor(db, onCall, now), wanted)).toMatchObject({ ok: true })
  const { rendered } = await getAgentVersion(ctxFor(db, onCall, now), { agentId: id, version: 2 })
  expect(rendered['mcpServers']).toContainEqual({ name: other, path: `/mcp/${other}` })
  expect(await provisionJobs(db, id)).toHaveLength(2)
  expect((await events(db, id)).slice(-3)).toEqual(['grant.created', 'grant.break_glass', 'agent.version_created'])
  expect(await takeBreakGlass(ctxFor(db, onCall, now), wanted)).toMatchObject({ ok: false })
  const stranger = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
  await expect(takeBreakGlass(stranger, wanted)).rejects.toMatchObject({ code: 'forbidden' })
})

dbTest('a scope that the approval policy grants at once brings such a version, too', async ({ db }) => {
  const { id, builder } = await makeActiveAgent(db, now)
  const other = await makeServer(db)
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now)
  const rule = createApprovalRuleInput.parse({ title: 'Reading', classes: ['read'], steps: [], daysMax: 30 })
  const { ruleId } = await approvalRuleInForce(admin, rule)
  const wanted = requestScopeInput.parse({ agentId: id, serverId: other, class: 'read', days: 7, reason: 'to compare' })
  expect(await askForScope(ctxFor(db, builder, now), wanted)).toMatchObject({
    ok: true,
    value: { grantIds: [expect.any(String)] },
  })
  const { rendered } = await getAgentVersion(admin, { agentId: id, version: 2 })
  expect(rendered['mcpServers']).toContainEqual({ name: other, path: `/mcp/${other}` })
  const agent = ctxFor(db, { kind: 'agent', id, name: id }, now)
  await expect(askForScope(agent, wanted)).rejects.toMatchObject({ code: 'forbidden' })
  await endApprovalRule(admin, { ruleId, reason: 'The test is over.' })
})

dbTest('facts change with before and after; unknown owners are refused', async ({ db }) => {
  const { id, builder, lead } = await makeActiveAgent(db, now)
  const ctx = ctxFor(db, builder, now)
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }), now)
  await updateAgent(admin, { agentId: id, purpose: 'another', tier: 'high', monthlyBudgetMicros: 5_000_000n })
  // What is not changed needs no permission for it.
  await updateAgent(ctx, { agentId: id, purpose: 'another', tier: 'high' })
  const recorded = (await auditOf(db, id)).filter(({ event }) => event === 'agent.updated')
  expect(recorded).toMatchObject([
    {
      detail: {
        before: { purpose: 'to be tested', tier: 'medium', monthlyBudgetMicros: null },
        after: { purpose: 'another', tier: 'high', monthlyBudgetMicros: '5000000' },
      },
    },
  ])
  expect(await getAgent(ctx, id)).toMatchObject({ nextReviewAt: '2026-12-22T10:00:00.000Z' })
  await expect(updateAgent(ctx, { agentId: id, ownerTeamId: 'none' })).rejects.toMatchObject({ code: 'invalid' })
  const elsewhere = await makeTeam(db)
  await expect(updateAgent(ctx, { agentId: id, ownerTeamId: elsewhere })).rejects.toMatchObject({ code: 'forbidden' })
  await db.person.update({ where: { id: lead.id }, data: { active: false } })
  const gone = await makePerson(db)
  await db.person.update({ where: { id: gone.id }, data: { active: false } })
  await expect(updateAgent(ctx, { agentId: id, accountablePersonId: gone.id })).rejects.toMatchObject({
    code: 'invalid',
  })
})

dbTest('an agent does not escape the stop of its team by moving to another one', async ({ db }) => {
  const { id, teamId } = await makeActiveAgent(db, now)
  const elsewhere = await makeTeam(db)
  const ctx = ctxFor(db, await makePerson(db, { roles: ['builder'], teamIds: [teamId, elsewhere] }), now)
  const order = { scope: 'team', targetId: teamId, reason, orderedByName: 'Ola' } as const
  const { id: orderId } = await db.stopOrder.create({ data: order })
  await expect(updateAgent(ctx, { agentId: id, ownerTeamId: elsewhere })).rejects.toMatchObject({
    code: 'conflict',
    details: { rule: 'killed' },
  })
  await updateAgent(ctx, { agentId: id, purpose: 'still to be tested' })
  await db.stopOrder.update({ where: { id: orderId }, data: { releasedAt: now } })
  await updateAgent(ctx, { agentId: id, ownerTeamId: elsewhere })
  expect((await getAgent(ctx, id)).owner.id).toBe(elsewhere)
})

dbTest('schedules are checked and recorded; a review sets the next one', async ({ db }) => {
  const { id, builder } = await makeActiveAgent(db, now)
  const ctx = ctxFor(db, builder, now)
  await setSchedule(ctx, { agentId: id, schedule: '0 6 * * *', enabled: true })
  await setSchedule(ctx, { agentId: id, schedule: '0 6 * * *', enabled: true })
  await expect(setSchedule(ctx, { agentId: id, schedule: '0 0 30 2 *', enabled: true })).rejects.toMatchObject({
    details: { field: 'schedule' },
  })
  expect(await markReviewed(ctx, { agentId: id })).toEqual({ nextReviewAt: '2027-02-20T10:00:00.000Z' })
  const recorded = await events(db, id)
  expect(recorded.filter((event) => event === 'agent.schedule_changed')).toHaveLength(1)
  expect(recorded).toContain('agent.reviewed')
})

dbTest(
  'suspending stops open runs; of two who suspend at once, one does; resuming restarts nothing',
  async ({ db }) => {
    const { id, lead } = await makeActiveAgent(db, now)
    const run = await db.run.create({
      data: { agentId: id, agentVersion: 1, trigger: 'manual', state: 'running', input: '', simulated: true },
    })
    const ctx = ctxFor(db, lead, now)
    const outcomes = await Promise.all([
      suspendAgent(ctx, { agentId: id, reason }),
      suspendAgent(ctxFor(db, await makePerson(db, { roles: ['on_call'] }), now), { agentId: id, reason }),
    ])
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
    expect(outcomes.find(({ ok }) => !ok)).toMatchObject({ error: { rule: 'lifecycle:suspend', status: 'suspended' } })
    expect(await getAgent(ctx, id)).toMatchObject({ status: 'suspended', statusReason: reason })
    const stopped = await db.run.findUniqueOrThrow({ where: { id: run.id }, select: { state: true, rule: true } })
    expect(stopped).toEqual({ state: 'stopping', rule: 'agent_not_active' })
    const jobs = await db.$queryRaw<unknown[]>`select 1 from graphile_worker.jobs where key = ${`stop_run:${run.id}`}`
    expect(jobs).toHaveLength(1)
    expect(await resumeAgent(ctx, { agentId: id, reason })).toMatchObject({ ok: true })
    expect(await resumeAgent(ctx, { agentId: id, reason })).toMatchObject({ error: { rule: 'lifecycle:resume' } })
    expect(await getAgent(ctx, id)).toMatchObject({ status: 'active', statusReason: null })
    const recorded = await events(db, id)
    expect(recorded.filter((event) => event === 'agent.suspended')).toHaveLength(1)
    expect(recorded).toContain('agent.resumed')
    expect(recorded).toContain('run.stop_requested')
  },
)

dbTest('retiring ends grants, requests, credentials and schedule for good, and keeps the history', async ({ db }) => {
  const { id, lead, builder } = await makeActiveAgent(db, now)
  const ctx = ctxFor(db, lead, now)
  await setSchedule(ctx, { agentId: id, schedule: '0 6 * * *', enabled: true })
  await db.agentCredential.create({ data: { agentId: id, clientId: `client-${id}` } })
  expect(await retireAgent(ctx, { agentId: id, reason })).toMatchObject({ ok: true })
  const agent = await getAgent(ctx, id)
  expect(agent).toMatchObject({ status: 'retired', access: [], pendingScopeRequests: 0, scheduleEnabled: false })
  expect(agent.versions).toHaveLength(1)
  expect(await db.agentCredential.count({ where: { agentId: id, revokedAt: null } })).toBe(0)
  const recorded = await events(db, id)
  for (const event of ['grant.revoked', 'scope_request.withdrawn', 'agent.credentials_revoked', 'agent.retired']) {
    expect(recorded).toContain(event)
  }
  expect(await retireAgent(ctx, { agentId: id, reason })).toMatchObject({ error: { rule: 'lifecycle:retire' } })
  expect(await resumeAgent(ctx, { agentId: id, reason })).toMatchObject({ ok: false })
  expect(await activateAgent(ctxFor(db), id)).toEqual({ activated: false })
  const builds = ctxFor(db, builder, now)
  for (const change of [
    () => setSchedule(builds, { agentId: id, schedule: null, enabled: true }),
    () => updateAgent(builds, { agentId: id, name: 'x' }),
    () => markReviewed(builds, { agentId: id }),
    () => changeAgentLogic(builds, { agentId: id, layer: { prompt: 'x', parameters: {} } }),
  ]) {
    await expect(change()).rejects.toMatchObject({ code: 'conflict', details: { rule: 'lifecycle:retired' } })
  }
  expect(await refreshAgentServers(ctxFor(db), { agentId: id })).toEqual({ version: 1 })
})

dbTest('an approval and a retirement at once leave no grant in force', async ({ db }) => {
  for (let round = 0; round < 3; round += 1) {
    const { id, lead } = await makeActiveAgent(db, now)
    const request = (await listScopeRequests(ctxFor(db), { agentId: id })).items[0]!
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
    await Promise.all([
      decideScopeRequest(security, { requestId: request.id, decision: 'approve' }),
      retireAgent(ctxFor(db, lead, now), { agentId: id, reason }),
    ])
    expect(await db.grant.count({ where: { agentId: id, revokedAt: null } })).toBe(0)
  }
})

dbTest('each command refuses who lacks its permission or is of another team', async ({ db }) => {
  const { id, draft } = await makeActiveAgent(db, now)
  const finance = ctxFor(db, await makePerson(db, { roles: ['finance'] }), now)
  const stranger = ctxFor(db, await makePerson(db, { roles: ['team_lead'] }), now)
  const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }), now)
  const move = { agentId: id, reason }
  const logic = { agentId: id, layer: { prompt: 'x', parameters: {} } }
  const attempts = [
    () => previewAgent(finance, draft(slugOf())),
    () => createAgent(finance, draft(slugOf())),
    () => createAgent(stranger, draft(slugOf())),
    ...[finance, stranger].flatMap((ctx) => [
      () => changeAgentLogic(ctx, logic),
      () => updateAgent(ctx, { agentId: id, name: 'x' }),
      () => setSchedule(ctx, { agentId: id, schedule: null, enabled: true }),
      () => markReviewed(ctx, { agentId: id }),
      () => suspendAgent(ctx, move),
      () => resumeAgent(ctx, move),
    ]),
    () => refreshAgentServers(finance, { agentId: id }),
    () => retireAgent(stranger, move),
    () => retireAgent(builder, move),
    () => activateAgent(builder, id),
    () => recordCreationStep(builder, { agentId: id, step: 'claude', state: 'done' }),
  ]
  for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: 'forbidden' })
})
