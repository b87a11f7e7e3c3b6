import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson, makeTeam, makeTemplate } from '#lib/dev/test/fleet.ts'
import { makeActiveAgent } from '#lib/dev/test/lifecycle.ts'
import { orderStop } from '#lib/killswitch/commands.ts'
import { setSchedule } from '#lib/lifecycle/commands.ts'
import { createLog } from '#lib/log/log.ts'
import { resolveEscalation, retryProvisioning, startRun, stopRun } from './commands.ts'
import { getRun, listEscalations, listRunEvents, listRuns } from './queries.ts'
import { reconcileRuns } from './worker/reconcile.ts'
import { runDueSchedules } from './worker/schedules.ts'
import type { HarnessDeps } from './worker/deps.ts'

const reason = 'it loops'

describe('startRun', () => {
  dbTest('queues a run of the current version with its job and audit event', async ({ db }) => {
    const { id, teamId } = await makeAgent(db)
    const ctx = ctxFor(db, await makePerson(db, { teamIds: [teamId], name: 'Bea' }))
    const outcome = await startRun(ctx, { agentId: id, input: 'Reconcile October.' })
    const runId = outcome.ok ? outcome.value.runId : ''
    expect(await getRun(ctx, runId)).toMatchObject({
      state: 'queued',
      agentVersion: 1,
      trigger: 'manual',
      input: 'Reconcile October.',
      requestedBy: { name: 'Bea' },
      costMicros: '0',
    })
    expect(await auditOf(db, id)).toMatchObject([{ event: 'run.requested', detail: { trigger: 'manual', version: 1 } }])
    expect(await jobsOf(db, runId)).toEqual(['start_run'])
  })

  dbTest('without input the template says what the first message is', async ({ db }) => {
    const { id } = await makeAgent(db)
    const outcome = await startRun(ctxFor(db), { agentId: id })
    expect(await getRun(ctxFor(db), outcome.ok ? outcome.value.runId : '')).toMatchObject({ input: 'Do the test.' })
  })

  const needy = async (db: Db) => makeTemplate(db, { scopes: [{ server: 'erp', class: 'read', required: true }] })
  const breakages: [string, (db: Db) => Promise<string>, object?][] = [
    ['agent_not_active', async (db) => (await makeAgent(db, { status: 'suspended' })).id, { status: 'suspended' }],
    ['version_not_bound', async (db) => (await makeAgent(db, { claude: null })).id],
    ['grant_missing', async (db) => (await makeAgent(db, { templateId: await needy(db) })).id],
    ['budget_exhausted', async (db) => (await makeAgent(db, { monthlyBudgetMicros: 0n })).id, { budgetMicros: '0' }],
    [
      'budget_exhausted',
      async (db) => {
        const { id } = await makeAgent(db, { monthlyBudgetMicros: 5_000n })
        await db.agentDay.create({ data: { agentId: id, day: new Date(), costMicros: 5_000n } })
        return id
      },
      { month: expect.stringMatching(/^\d{4}-\d\d$/), spentMicros: '5000', budgetMicros: '5000' },
    ],
    [
      'killed',
      async (db) => {
        const { id } = await makeAgent(db)
        await orderStop(ctxFor(db), { scope: 'agent', targetId: id, reason })
        return id
      },
      { scope: 'agent', stop: expect.any(String) },
    ],
  ]
  for (const [rule, make, facts = {}] of breakages) {
    dbTest(`is refused by ${rule}: a run row with the rule, an audit event, no job`, async ({ db }) => {
      const id = await make(db)
      const outcome = await startRun(ctxFor(db), { agentId: id })
      expect(outcome).toMatchObject({ ok: false, error: { rule } })
      const runId = outcome.ok ? '' : (outcome.error.runId ?? '')
      expect(await getRun(ctxFor(db), runId)).toMatchObject({ state: 'refused', rule, error: expect.any(String) })
      const refused = { event: 'run.refused', rule, detail: { step: 'launch', facts } }
      expect((await auditOf(db, id)).at(-1)).toMatchObject(refused)
      expect(await jobsOf(db, runId)).toEqual([])
    })
  }

  dbTest('an unregistered agent is refused and audited, though there is no run', async ({ db }) => {
    expect(await startRun(ctxFor(db), { agentId: 'nobody' })).toMatchObject({ error: { rule: 'agent_unknown' } })
    expect(await auditOf(db, 'nobody')).toMatchObject([{ event: 'run.refused', rule: 'agent_unknown' }])
  })

  dbTest('an expired or revoked grant does not count', async ({ db }) => {
    const url = 'http://127.0.0.1:9/mcp'
    const server = { name: '', description: '', url, environment: 'staging', sensitivity: 'internal' } as const
    await db.mcpServer.create({ data: { id: 'erp', ...server } })
    const { id } = await makeAgent(db, { templateId: await needy(db) })
    const grant = { agentId: id, serverId: 'erp', class: 'write', reason: '', via: 'request' } as const
    await db.grant.create({ data: { ...grant, revokedAt: new Date() } })
    await db.grant.create({ data: { ...grant, expiresAt: new Date(Date.now() - 1) } })
    expect(await startRun(ctxFor(db), { agentId: id })).toMatchObject({
      error: { rule: 'grant_missing', missing: [{ serverId: 'erp', class: 'read' }] },
    })
    await db.grant.create({ data: { ...grant, expiresAt: new Date(Date.now() + 60_000) } })
    expect(await startRun(ctxFor(db), { agentId: id })).toMatchObject({ ok: true })
  })

  dbTest('needs runs:start, in the team of the agent', async ({ db }) => {
    const { id } = await makeAgent(db)
    const stranger = ctxFor(db, await makePerson(db, { teamIds: [await makeTeam(db)] }))
    await expect(startRun(stranger, { agentId: id })).rejects.toMatchObject({ code: 'forbidden' })
    const finance = ctxFor(db, await makePerson(db, { roles: ['finance'] }))
    await expect(startRun(finance, { agentId: id })).rejects.toMatchObject({ code: 'forbidden' })
    expect(await db.run.count({ where: { agentId: id } })).toBe(0)
  })
})

describe('stopRun', () => {
  dbTest('marks it stopping with its job and audit event; the second one is told', async ({ db }) => {
    const { id, teamId } = await makeAgent(db)
    const builder = ctxFor(db, await makePerson(db, { teamIds: [teamId] }))
    const started = await startRun(builder, { agentId: id })
    const runId = started.ok ? started.value.runId : ''
    const outcomes = await Promise.all([stopRun(builder, { runId, reason }), stopRun(builder, { runId, reason })])
    expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1)
    expect(outcomes.find((outcome) => !outcome.ok)).toMatchObject({ error: { reason: 'not_open', state: 'stopping' } })
    expect(await getRun(builder, runId)).toMatchObject({ state: 'stopping', rule: 'stopped_by_person' })
    expect(await jobsOf(db, runId)).toEqual(['start_run', 'stop_run'])
    expect((await auditOf(db, id)).at(-1)).toMatchObject({ event: 'run.stop_requested', detail: { reason } })
  })

  dbTest('needs runs:stop and a run that exists', async ({ db }) => {
    const { id } = await makeAgent(db)
    const started = await startRun(ctxFor(db), { agentId: id })
    const runId = started.ok ? started.value.runId : ''
    const finance = ctxFor(db, await makePerson(db, { roles: ['finance'] }))
    await expect(stopRun(finance, { runId, reason })).rejects.toMatchObject({ code: 'forbidden' })
    const missing = stopRun(ctxFor(db), { runId: crypto.randomUUID(), reason })
    await expect(missing).rejects.toMatchObject({ code: 'not_found' })
    const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }))
    expect(await stopRun(onCall, { runId, reason })).toMatchObject({ ok: true })
  })
})

describe('escalations', () => {
  dbTest('are listed newest first and resolved once, with an audit event', async ({ db }) => {
    const { id, teamId } = await makeAgent(db)
    const lead = ctxFor(db, await makePerson(db, { roles: ['team_lead'], teamIds: [teamId], name: 'Lea' }))
    const run = await db.run.create({
      data: { agentId: id, agentVersion: 1, trigger: 'manual', state: 'running', input: '', simulated: true },
    })
    for (const title of ['first', 'second']) {
      await db.escalation.create({
        data: { runId: run.id, agentId: id, kind: 'escalate', title, detail: {}, sourceId: title },
      })
    }
    const open = await listEscalations(lead, { agent: id, open: true, limit: 1 })
    expect(open).toMatchObject({ total: 2, items: [{ title: 'second', resolvedBy: null }] })
    const rest = await listEscalations(lead, { agent: id, open: true, limit: 1, cursor: open.nextCursor! })
    expect(rest).toMatchObject({ items: [{ title: 'first' }], nextCursor: null })
    const escalationId = open.items[0]!.id
    const both = await Promise.all([1, 2].map(() => resolveEscalation(lead, { escalationId })))
    expect(both.filter((outcome) => outcome.resolved)).toHaveLength(1)
    expect((await auditOf(db, id)).filter((row) => row.event === 'escalation.resolved')).toHaveLength(1)
    expect(await listEscalations(lead, { agent: id, open: false, limit: 5 })).toMatchObject({
      items: [{ title: 'second', resolvedBy: { name: 'Lea' } }],
    })
    const stranger = ctxFor(db, await makePerson(db))
    await expect(resolveEscalation(stranger, { escalationId })).rejects.toMatchObject({ code: 'forbidden' })
    const missing = resolveEscalation(lead, { escalationId: crypto.randomUUID() })
    await expect(missing).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('retryProvisioning', () => {
  dbTest('queues the creation again only if a step failed; what is done stays done', async ({ db }) => {
    const { id } = await makeAgent(db, { claude: null, status: 'provisioning' })
    const step = (name: string, position: number, state: 'done' | 'failed' | 'pending') =>
      db.creationStep.create({ data: { agentId: id, step: name, position, state } })
    await step('register', 0, 'done')
    expect(await retryProvisioning(ctxFor(db), { agentId: id })).toMatchObject({ error: { reason: 'nothing_failed' } })
    await step('claude', 2, 'failed')
    await step('first_run', 6, 'pending')
    expect(await retryProvisioning(ctxFor(db), { agentId: id })).toMatchObject({ ok: true })
    const states = await db.creationStep.findMany({ where: { agentId: id }, orderBy: { position: 'asc' } })
    expect(states.map((row) => row.state)).toEqual(['done', 'pending', 'pending'])
    const stranger = ctxFor(db, await makePerson(db))
    await expect(retryProvisioning(stranger, { agentId: id })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(retryProvisioning(ctxFor(db), { agentId: 'nobody' })).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('lists of runs', () => {
  dbTest('page through every run once, newest first, also those of one moment', async ({ db }) => {
    const { id } = await makeAgent(db)
    const createdAt = new Date()
    for (let index = 0; index < 7; index += 1) {
      const state = index < 3 ? 'succeeded' : 'running'
      await db.run.create({
        data: { agentId: id, agentVersion: 1, trigger: 'api', state, input: '', simulated: true, createdAt },
      })
    }
    const seen: string[] = []
    for (let cursor: string | undefined, page = 0; page < 10; page += 1) {
      const runs = await listRuns(ctxFor(db), { agent: id, limit: 3, ...(cursor ? { cursor } : {}) })
      expect(runs.total).toBe(7)
      seen.push(...runs.items.map((run) => run.id))
      if (!runs.nextCursor) break
      cursor = runs.nextCursor
    }
    expect(new Set(seen).size).toBe(7)
    expect((await listRuns(ctxFor(db), { agent: id, open: true, limit: 50 })).total).toBe(4)
    expect((await listRuns(ctxFor(db), { agent: id, state: 'succeeded', limit: 50 })).total).toBe(3)
    await expect(listRuns(ctxFor(db), { cursor: 'nonsense', limit: 5 })).rejects.toMatchObject({ code: 'invalid' })
  })

  dbTest('need runs:read', async ({ db }) => {
    const nobody = ctxFor(db, { kind: 'agent', id: 'a', name: 'a' })
    await expect(listRuns(nobody, { limit: 1 })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(getRun(nobody, crypto.randomUUID())).rejects.toMatchObject({ code: 'forbidden' })
    await expect(listRunEvents(nobody, { runId: crypto.randomUUID(), after: 0 })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(listEscalations(nobody, { limit: 1 })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(getRun(ctxFor(db), crypto.randomUUID())).rejects.toMatchObject({ code: 'not_found' })
    await expect(getRun(ctxFor(db), 'no uuid')).rejects.toMatchObject({ code: 'not_found' })
    const cursor = Buffer.from(`1_${'-'.repeat(36)}`).toString('base64url')
    await expect(listRuns(ctxFor(db), { limit: 1, cursor })).rejects.toMatchObject({ code: 'invalid' })
  })
})

describe('schedules', () => {
  dbTest('two schedulers at once start one run for a due time; the next time has its own', async ({ db }) => {
    const { id } = await makeAgent(db, { schedule: '*/10 * * * *' })
    const off = await makeAgent(db, { schedule: '*/10 * * * *', scheduleEnabled: false })
    const deps = { db } as HarnessDeps
    const at = (time: string) => new Date(`2026-11-22T${time}Z`)
    await Promise.all([1, 2, 3].map(() => runDueSchedules(deps, at('10:10:02'))))
    await runDueSchedules(deps, at('10:11:01'))
    expect(await db.run.count({ where: { agentId: id } })).toBe(1)
    await runDueSchedules(deps, at('10:20:00'))
    const runs = await db.run.findMany({ where: { agentId: id }, orderBy: { createdAt: 'asc' } })
    expect(runs.map((run) => [run.trigger, run.scheduledFor?.toISOString().slice(11, 16)])).toEqual([
      ['schedule', '10:10'],
      ['schedule', '10:20'],
    ])
    expect((await auditOf(db, id)).map((row) => row.event)).toEqual(['run.requested', 'run.requested'])
    expect(await db.run.count({ where: { agentId: off.id } })).toBe(0)
  })
})

dbTest('a run by schedule says who last set the schedule', async ({ db }) => {
  const now = new Date('2026-11-22T10:05:00Z')
  const { id, builder } = await makeActiveAgent(db, now)
  const lead = await makePerson(db, { roles: ['platform_admin'] })
  const schedule = '*/10 * * * *'
  await setSchedule(ctxFor(db, builder, now), { agentId: id, schedule: '0 6 * * *', enabled: true })
  await setSchedule(ctxFor(db, lead, now), { agentId: id, schedule, enabled: true })
  await runDueSchedules({ db } as HarnessDeps, new Date('2026-11-22T10:10:02Z'))
  const run = await db.run.findFirstOrThrow({ where: { agentId: id, trigger: 'schedule' } })
  expect(run).toMatchObject({ requestedById: null, scheduledById: lead.id })
})

describe('a schedule whose launch fails', () => {
  dbTest('does not keep the schedules of other agents from starting', async ({ db }) => {
    const templateId = `broken-${crypto.randomUUID().slice(0, 8)}`
    await db.template.create({ data: { id: templateId, name: 'Broken', summary: '' } })
    const content = { manifest: { no: 'scopes' }, prompt: '', changelog: '', evals: [], digest: templateId }
    await db.templateVersion.create({ data: { templateId, version: '1.0.0', ...content } })
    const schedule = '*/20 * * * *'
    const before = await makeAgent(db, { schedule })
    const broken = await makeAgent(db, { schedule, templateId })
    const after = await makeAgent(db, { schedule })
    const log = createLog({ process: 'worker', level: 'silent' })
    await runDueSchedules({ db, log } as HarnessDeps, new Date('2026-11-22T10:40:01Z'))
    for (const { id } of [before, after]) expect(await db.run.count({ where: { agentId: id } })).toBe(1)
    expect(await db.run.count({ where: { agentId: broken.id } })).toBe(0)
  })
})

describe('reconcileRuns', () => {
  dbTest('brings lost jobs back and tries a stop again at once, but keeps the pace of the others', async ({ db }) => {
    const { id } = await makeAgent(db)
    const createdAt = new Date(Date.now() - 60_000)
    const make = async (state: 'queued' | 'stopping' | 'failed' | 'succeeded', claudeVaultId: string | null = null) => {
      const row = { agentId: id, agentVersion: 1, trigger: 'api', input: '', simulated: true } as const
      return (await db.run.create({ data: { ...row, state, createdAt, claudeVaultId } })).id
    }
    const runs = [await make('queued'), await make('stopping'), await make('failed', 'vlt_1'), await make('succeeded')]
    const deps = { db } as HarnessDeps
    await reconcileRuns(deps)
    const found = async () => Promise.all(runs.map((runId) => jobsOf(db, runId)))
    expect(await found()).toEqual([['start_run'], ['stop_run'], ['close_run'], []])
    const later = new Date(Date.now() + 3_600_000)
    await db.$executeRaw`update graphile_worker._private_jobs set run_at = ${later}, attempts = 5 where payload->>'runId' = any(${runs})`
    await reconcileRuns(deps)
    expect(await found()).toEqual([['start_run'], ['stop_run'], ['close_run'], []])
    const due = await db.$queryRaw<{ identifier: string }[]>`
      select t.identifier from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
      where j.payload->>'runId' = any(${runs}) and j.run_at <= now() + interval '1 second'`
    expect(due).toEqual([{ identifier: 'stop_run' }])
  })
})

async function jobsOf(db: Db, runId: string): Promise<string[]> {
  const rows = await db.$queryRaw<{ identifier: string }[]>`
    select t.identifier from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
    where j.payload->>'runId' = ${runId} order by 1`
  return rows.map((row) => row.identifier)
}
