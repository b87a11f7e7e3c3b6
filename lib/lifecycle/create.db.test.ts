import { expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeWorkshop } from '#lib/dev/test/lifecycle.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { getAgent, getAgentVersion, getCreationLog } from '#lib/registry/queries.ts'
import { listScopeRequests } from '#lib/scopes/queries.ts'
import { activateAgent, createAgent, previewAgent, recordCreationStep } from './commands.ts'

const now = new Date('2026-11-22T10:00:00Z')
const slugOf = () => `agent-${crypto.randomUUID().slice(0, 8)}`
const events = async (db: Db, id: string) => (await auditOf(db, id)).map(({ event }) => event)
const provisionJobs = (db: Db, id: string) =>
  db.$queryRaw<
    { key: string }[]
  >`select key from graphile_worker.jobs where key like ${`provision:${id}:%`} order by key`

dbTest('creating registers, versions, grants, requests and enqueues in one transaction', async ({ db }) => {
  const { builder, draft, reads, writes, template } = await makeWorkshop(db)
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
  const { builder, draft, reads, writes } = await makeWorkshop(db)
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
  const { builder, draft } = await makeWorkshop(db)
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
  expect((await previewAgent(ctx, draft('new'))).problems).toMatchObject([
    { field: 'id', message: '"new" is taken by an address of Wheelhouse. Choose another id.' },
  ])
  expect((await previewAgent(ctx, draft(id, { templateId: 'none' }))).problems).toMatchObject([{ field: 'templateId' }])
  const stranger = await previewAgent(ctxFor(db, await makePerson(db), now), draft(id))
  expect(stranger.problems).toMatchObject([{ field: 'ownerTeamId', rule: 'registry:own_team' }])
  expect(await db.agent.count({ where: { id } })).toBe(0)
  expect(await events(db, id)).toEqual([])
})

dbTest(
  'a scope beyond the policy needs a reason, is requested, and its server is part of the version',
  async ({ db }) => {
    const { builder, draft } = await makeWorkshop(db)
    const other = await makeServer(db)
    const ctx = ctxFor(db, builder, now)
    const id = slugOf()
    const wish = { serverId: other, class: 'read' as const, toolNames: ['look'] }
    expect((await previewAgent(ctx, draft(id, { scopes: [wish] }))).problems).toMatchObject([{ field: 'scopes.0' }])
    await createAgent(ctx, draft(id, { scopes: [{ ...wish, reason: 'to compare', days: 7, ticket: 'FIN-7' }] }))
    expect(await db.scopeRequest.findFirstOrThrow({ where: { agentId: id, reason: 'to compare' } })).toMatchObject({
      ticket: 'FIN-7',
    })
    const requested = (await listScopeRequests(ctx, { agentId: id })).items
    expect(requested.find(({ server }) => server.id === other)).toMatchObject({ toolNames: ['look'], days: 7 })
    const { rendered } = await getAgentVersion(ctx, { agentId: id, version: 1 })
    expect(rendered['mcpServers']).toContainEqual({ name: other, path: `/mcp/${other}` })
  },
)

dbTest('two create the same id at once: one does, the other is told', async ({ db }) => {
  const { builder, lead, draft } = await makeWorkshop(db)
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
    const { builder, draft, teamId } = await makeWorkshop(db)
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

dbTest('the creation log counts attempts and never undoes a done step; activation happens once', async ({ db }) => {
  const { builder, draft } = await makeWorkshop(db)
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
