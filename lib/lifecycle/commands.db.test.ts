import { expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeServer, makeTemplate } from '#lib/dev/test/registry.ts'
import { getAgent, getAgentVersion, getCreationLog } from '#lib/registry/queries.ts'
import { decideScopeRequest, requestScope } from '#lib/scopes/commands.ts'
import { listScopeRequests } from '#lib/scopes/queries.ts'
import {
  activateAgent,
  changeAgentLogic,
  createAgent,
  markReviewed,
  previewAgent,
  recordCreationStep,
  refreshAgentServers,
  resumeAgent,
  retireAgent,
  setSchedule,
  suspendAgent,
  updateAgent,
} from './commands.ts'
import type { CreateAgentDraft } from './schema.ts'

const now = new Date('2026-11-22T10:00:00Z')
const reason = 'for the test'

/** A team with a builder, a team lead and a template that pre-approves reading one server and asks for writing another. */
async function world(db: Db) {
  const teamId = await makeTeam(db)
  const builder = await makePerson(db, { roles: ['builder'], teamIds: [teamId] })
  const lead = await makePerson(db, { roles: ['team_lead'], teamIds: [teamId] })
  const reads = await makeServer(db)
  const writes = await makeServer(db, { environment: 'production' })
  const scope = { required: true, reason: 'to do its work' }
  const template = await makeTemplate(db, {
    scopes: [
      { ...scope, server: reads, class: 'read', approval: 'auto' },
      { ...scope, server: writes, class: 'write', approval: 'request' },
    ],
  })
  const draft = (id: string, changes: Partial<CreateAgentDraft> = {}): CreateAgentDraft => ({
    id,
    name: `Agent ${id}`,
    purpose: 'to be tested',
    ownerTeamId: teamId,
    accountablePersonId: lead.id,
    tier: 'medium',
    templateId: template.id,
    ...changes,
  })
  return { teamId, builder, lead, reads, writes, template, draft }
}

const slugOf = () => `agent-${crypto.randomUUID().slice(0, 8)}`
const events = async (db: Db, id: string) => (await auditOf(db, id)).map(({ event }) => event)
const provisionJobs = (db: Db, id: string) =>
  db.$queryRaw<
    { key: string }[]
  >`select key from graphile_worker.jobs where key like ${`provision:${id}:%`} order by key`

/** Created and, as the provisioning job would, activated. */
async function activeAgent(db: Db) {
  const at = await world(db)
  const id = slugOf()
  await createAgent(ctxFor(db, at.builder, now), at.draft(id))
  await activateAgent(ctxFor(db, systemActor('worker'), now), id)
  return { ...at, id }
}

dbTest('creating registers, versions, grants, requests and enqueues in one transaction', async ({ db }) => {
  const { builder, draft, reads, writes, template } = await world(db)
  const id = slugOf()
  const ctx = ctxFor(db, builder, now)
  const input = draft(id, {
    layer: { prompt: 'Be kind.', parameters: { currency: 'USD' } },
    schedule: '0 6 * * *',
    firstRun: true,
  })
  expect(await createAgent(ctx, input)).toEqual({ agentId: id, version: 1 })
  const agent = await getAgent(ctx, id)
  expect(agent).toMatchObject({ status: 'provisioning', version: 1, schedule: '0 6 * * *', pendingScopeRequests: 1 })
  expect(agent.nextReviewAt).toBe('2027-02-20T10:00:00.000Z')
  expect(agent.access).toMatchObject([{ serverId: reads, class: 'read', via: 'template' }])
  const version = await getAgentVersion(ctx, { agentId: id, version: 1 })
  expect(version.rendered['system']).toContain('Be kind.')
  expect(version.rendered['system']).toContain('Currency USD')
  expect((await listScopeRequests(ctx, { agentId: id })).items).toMatchObject([
    { server: { id: writes }, class: 'write', reason: 'to do its work' },
  ])
  expect((await getCreationLog(ctx, id)).steps.map(({ step, state }) => `${step} ${state}`)).toEqual([
    'register done',
    'scopes done',
    'claude pending',
    'credentials pending',
    'schedule pending',
    'activate pending',
    'first_run pending',
  ])
  expect(await provisionJobs(db, id)).toEqual([{ key: `provision:${id}:1` }])
  expect(await events(db, id)).toEqual([
    'agent.created',
    'agent.version_created',
    'grant.created',
    'scope_request.created',
  ])
  expect(agent.template).toEqual({ id: template.id, version: '1.0.0', latest: '1.0.0' })
})

dbTest('the preview shows exactly what creating then makes, and writes nothing', async ({ db }) => {
  const { builder, draft, reads, writes } = await world(db)
  const id = slugOf()
  const ctx = ctxFor(db, builder, now)
  const input = draft(id, { schedule: '0 6 * * *' })
  const preview = await previewAgent(ctx, input)
  expect(await db.agent.count({ where: { id } })).toBe(0)
  expect(await events(db, id)).toEqual([])
  expect(preview).toMatchObject({ problems: [], guardrails: 'inherited (sandbox, audit, kill-switch)' })
  expect(preview.grants).toMatchObject([{ serverId: reads, tools: ['look'] }])
  expect(preview.requests).toMatchObject([{ serverId: writes, environment: 'production', tools: ['change', 'look'] }])
  expect(preview.schedule?.nextRuns[0]).toBe('2026-11-23T06:00:00.000Z')
  expect(preview.yaml).toContain(`id: ${id}\n`)
  await createAgent(ctx, input)
  expect((await getAgentVersion(ctx, { agentId: id, version: 1 })).digest).toBe(preview.version?.digest)
  const steps = (await getCreationLog(ctx, id)).steps.map(({ step }) => step)
  expect(preview.steps.map(({ step }) => step)).toEqual(steps)
})

dbTest('all problems come at once, each at its field, and nothing half-made stays', async ({ db }) => {
  const { builder, draft } = await world(db)
  const id = slugOf()
  const ctx = ctxFor(db, builder, now)
  const bad = draft(id, {
    ownerTeamId: 'no-team',
    accountablePersonId: '00000000-0000-7000-8000-00000000ffff',
    schedule: 'every day',
    layer: { prompt: '', parameters: { currency: 'EURO', nope: 1 } },
    scopes: [{ serverId: 'nowhere', class: 'read' }],
  })
  const fields = [
    'ownerTeamId',
    'accountablePersonId',
    'schedule',
    'scopes.0',
    'layer.parameters.currency',
    'layer.parameters.nope',
  ]
  expect((await previewAgent(ctx, bad)).problems.map(({ field }) => field)).toEqual(fields)
  await expect(createAgent(ctx, bad)).rejects.toMatchObject({ code: 'invalid' })
  expect((await previewAgent(ctx, draft('Not A Slug'))).problems).toMatchObject([{ field: 'id' }])
  expect((await previewAgent(ctx, draft(id, { templateId: 'none' }))).problems).toMatchObject([{ field: 'templateId' }])
  const stranger = await previewAgent(ctxFor(db, await makePerson(db), now), draft(id))
  expect(stranger.problems).toMatchObject([{ field: 'ownerTeamId', rule: 'registry:own_team' }])
  expect(await db.agent.count({ where: { id } })).toBe(0)
  expect(await events(db, id)).toEqual([])
})

dbTest(
  'a scope beyond the policy needs a reason, is requested, and its server is part of the version',
  async ({ db }) => {
    const { builder, draft } = await world(db)
    const other = await makeServer(db)
    const ctx = ctxFor(db, builder, now)
    const id = slugOf()
    const wish = { serverId: other, class: 'read' as const, toolName: 'look' }
    expect((await previewAgent(ctx, draft(id, { scopes: [wish] }))).problems).toMatchObject([{ field: 'scopes.0' }])
    await createAgent(ctx, draft(id, { scopes: [{ ...wish, reason: 'to compare', days: 7 }] }))
    const requested = (await listScopeRequests(ctx, { agentId: id })).items
    expect(requested.find(({ server }) => server.id === other)).toMatchObject({ toolName: 'look', days: 7 })
    const { rendered } = await getAgentVersion(ctx, { agentId: id, version: 1 })
    expect(rendered['mcpServers']).toContainEqual({ name: other, path: `/mcp/${other}` })
  },
)

dbTest('two create the same id at once: one does, the other is told', async ({ db }) => {
  const { builder, lead, draft } = await world(db)
  const id = slugOf()
  const outcomes = await Promise.allSettled(
    [builder, lead, builder].map((person) => createAgent(ctxFor(db, person, now), draft(id))),
  )
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  expect(refused).toHaveLength(2)
  for (const { reason: error } of refused) {
    expect(error).toMatchObject({ code: 'conflict', details: { rule: 'registry:id_taken' } })
  }
  expect((await events(db, id)).filter((event) => event === 'agent.created')).toHaveLength(1)
  expect(await provisionJobs(db, id)).toHaveLength(1)
})

dbTest(
  'fifty registrations at once: none fails, none is lost',
  async ({ db }) => {
    const { builder, draft, teamId } = await world(db)
    const ids = Array.from({ length: 50 }, (_, index) => `fifty-${String(index).padStart(2, '0')}`)
    await Promise.all(ids.map((id) => createAgent(ctxFor(db, builder, now), draft(id))))
    const rows = await db.agent.findMany({
      where: { ownerTeamId: teamId },
      orderBy: { id: 'asc' },
      select: { id: true },
    })
    expect(rows.map(({ id }) => id)).toEqual(ids)
    const created = await db.auditEvent.count({ where: { event: 'agent.created', teamId } })
    expect(created).toBe(50)
    expect(await db.grant.count({ where: { agent: { ownerTeamId: teamId } } })).toBe(50)
  },
  60_000,
)

dbTest('logic changes make immutable versions; the same logic makes none; a lost race is told', async ({ db }) => {
  const { id, builder, lead } = await activeAgent(db)
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
  const { id, builder } = await activeAgent(db)
  const other = await makeServer(db)
  const asked = await requestScope(ctxFor(db, builder, now), {
    agentId: id,
    serverId: other,
    class: 'read',
    toolName: null,
    days: null,
    reason: 'to compare',
  })
  if (!asked.ok) throw new Error(asked.error.message)
  const security = await makePerson(db, { roles: ['security'] })
  await decideScopeRequest(ctxFor(db, security, now), { requestId: asked.value.requestId, decision: 'approve' })
  const worker = ctxFor(db, systemActor('worker'), now)
  expect(await refreshAgentServers(worker, { agentId: id })).toEqual({ version: 2 })
  expect(await refreshAgentServers(worker, { agentId: id })).toEqual({ version: 2 })
  const { rendered } = await getAgentVersion(worker, { agentId: id, version: 2 })
  expect(rendered['mcpServers']).toContainEqual({ name: other, path: `/mcp/${other}` })
})

dbTest('facts change with before and after; unknown owners are refused', async ({ db }) => {
  const { id, builder, lead } = await activeAgent(db)
  const ctx = ctxFor(db, builder, now)
  await updateAgent(ctx, { agentId: id, purpose: 'another', tier: 'high', monthlyBudgetMicros: 5_000_000n })
  await updateAgent(ctx, { agentId: id, purpose: 'another' })
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

dbTest('schedules are checked and recorded; a review sets the next one', async ({ db }) => {
  const { id, builder } = await activeAgent(db)
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
    const { id, lead } = await activeAgent(db)
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
  const { id, lead, builder } = await activeAgent(db)
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
    const { id, lead } = await activeAgent(db)
    const request = (await listScopeRequests(ctxFor(db), { agentId: id })).items[0]!
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), now)
    await Promise.all([
      decideScopeRequest(security, { requestId: request.id, decision: 'approve' }),
      retireAgent(ctxFor(db, lead, now), { agentId: id, reason }),
    ])
    expect(await db.grant.count({ where: { agentId: id, revokedAt: null } })).toBe(0)
  }
})

dbTest('the creation log counts attempts and never undoes a done step; activation happens once', async ({ db }) => {
  const { builder, draft } = await world(db)
  const id = slugOf()
  await createAgent(ctxFor(db, builder, now), draft(id))
  const worker = ctxFor(db, systemActor('worker'), now)
  const mark = (state: 'running' | 'done' | 'failed') =>
    recordCreationStep(worker, { agentId: id, step: 'claude', state, detail: state })
  for (const state of ['running', 'failed', 'running', 'done', 'failed', 'running'] as const) await mark(state)
  const step = (await getCreationLog(worker, id)).steps.find((row) => row.step === 'claude')
  expect(step).toMatchObject({ state: 'done', detail: 'done', attempts: 2 })
  const activations = await Promise.all([activateAgent(worker, id), activateAgent(worker, id)])
  expect(activations.filter(({ activated }) => activated)).toHaveLength(1)
  expect((await events(db, id)).filter((event) => event === 'agent.activated')).toHaveLength(1)
})

dbTest('each command refuses who lacks its permission or is of another team', async ({ db }) => {
  const { id, draft } = await activeAgent(db)
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
