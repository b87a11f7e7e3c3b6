import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect } from 'vitest'
import { personas } from '#lib/auth/personas.ts'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { retirementCandidates } from '#lib/metrics/queries.ts'
import { grantProposals, grantUsage } from '#lib/scopes/queries.ts'
import { grantProposalsQuery } from '#lib/scopes/schema/usage.ts'
import { listTemplates } from '#lib/templates/queries.ts'
import { seedDemo } from './seed-demo.ts'

/** A seeding takes seconds, and on a busy machine many times as long. */
const seedingMs = 300_000

const secretBox = createSecretBox(randomBytes(32).toString('base64'))
const options = {
  host: '127.0.0.1',
  port: 7420,
  token: 'first-upstream-credential',
  secretBox,
  templatesFolder: join(import.meta.dirname, '../../../templates'),
}
const at = (db: Ctx['db'], iso: string): Ctx => ({ db, actor: systemActor('demo seed'), now: new Date(iso) })

dbTest(
  'two seedings at once bring the demo organization in once, marked as demo',
  { timeout: seedingMs },
  async ({ db }) => {
    const ctx = at(db, '2026-11-22T10:00:00Z')
    const outcomes = await Promise.all([seedDemo(ctx, options), seedDemo(ctx, options)])
    expect(outcomes.map(({ agents }) => agents).toSorted((a, b) => a - b)).toEqual([0, 140])
    expect(await db.agent.count({ where: { demo: true } })).toBe(140)
    expect(await db.team.count({ where: { demo: true } })).toBe(14)
    expect(await db.person.count({ where: { demo: true } })).toBe(45)
    expect(await db.run.count({ where: { demo: true, simulated: true } })).toBeGreaterThan(250)
    expect(await db.agent.count({ where: { scheduleEnabled: true } })).toBe(0)
    expect(await db.auditEvent.count({ where: { event: 'agent.imported' } })).toBe(140)
    expect(await db.auditEvent.count({ where: { event: { in: ['person.created', 'team.created'] } } })).toBe(45 + 14)
  },
)

dbTest('every demo agent that is not retired is to be made at Claude, so that it can be started', async ({ db }) => {
  const jobs = await db.$queryRaw<{ key: string }[]>`
    select "key" from graphile_worker.jobs where task_identifier = 'provision_agent' order by "key" collate "C"`
  const agents = await db.agent.findMany({ where: { demo: true, status: { in: ['active', 'suspended'] } } })
  expect(agents.length).toBeGreaterThan(100)
  expect(jobs.map(({ key }) => key)).toEqual(agents.map(({ id }) => `provision:${id}:1`).toSorted())
})

dbTest('each persona exists with its role and team', async ({ db }) => {
  for (const { id, email, role, teamId } of personas) {
    const person = await db.person.findUniqueOrThrow({ where: { id }, include: { roles: true, memberships: true } })
    expect(person).toMatchObject({ email, source: 'demo', roles: [{ role }], memberships: [{ teamId }] })
  }
})

dbTest('the demo servers have approved tools of every class, and a sealed credential', async ({ db }) => {
  const servers = await db.mcpServer.findMany({ include: { tools: true, credentials: true } })
  expect(servers).toHaveLength(6)
  for (const server of servers) {
    expect(new Set(server.tools.map((tool) => tool.class))).toEqual(new Set(['read', 'write', 'destructive']))
    expect(server.tools.every((tool) => tool.state === 'approved')).toBe(true)
    const { ciphertext } = server.credentials[0]!
    expect(await secretBox.open(ciphertext, sealContexts.upstreamCredential(server.id))).toBe(options.token)
  }
})

dbTest(
  'the history is plausible: some are idle, some escalate too much, the roll-ups are consistent',
  async ({ db }) => {
    const candidates = await retirementCandidates(at(db, '2026-11-22T10:00:00Z'))
    const kinds = candidates.items.flatMap((item) => item.reasons.map((reason) => reason.kind))
    expect(kinds.filter((kind) => kind === 'idle').length).toBeGreaterThanOrEqual(10)
    expect(kinds.filter((kind) => kind === 'escalates').length).toBeGreaterThanOrEqual(7)
    const wrong = await db.$queryRaw<unknown[]>`
    select 1 from "AgentDay" where "runs" <> "succeeded" + "failed" or "escalatedRuns" > "runs" or "escalations" < "escalatedRuns"
      or "day" > '2026-11-22' or "day" < '2026-08-24' or "costMicros" = 0`
    expect(wrong).toEqual([])
    const [{ cost }] = await db.$queryRaw<[{ cost: bigint }]>`
    select sum("costMicros")::bigint as cost from "AgentDay" where "day" > '2026-10-23'`
    expect(Number(cost) / 1_000_000).toBeGreaterThan(1000)
    expect(Number(cost) / 1_000_000).toBeLessThan(50_000)
    expect((await listTemplates(at(db, '2026-11-22T10:00:00Z'))).reduce((sum, row) => sum + row.agents, 0)).toBe(132)
  },
)

dbTest('its traffic is the same by hour and by agent, and none lies ahead', async ({ db }) => {
  const hours = await db.toolHour.aggregate({ _sum: { calls: true, refused: true }, _max: { hour: true } })
  const days = await db.agentToolDay.aggregate({ _sum: { calls: true, refused: true } })
  expect(hours._sum).toEqual(days._sum)
  expect(hours._sum.calls).toBeGreaterThan(10_000)
  expect(hours._max.hour!.getTime()).toBeLessThanOrEqual(new Date('2026-11-22T10:00:00Z').getTime())
})

dbTest('its grants show every kind of proposal, and where there is too little to tell', async ({ db }) => {
  const ctx = at(db, '2026-11-22T10:00:00Z')
  const { items } = await grantProposals(ctx, grantProposalsQuery.parse({ limit: 500 }))
  const kinds = new Set(items.map(({ proposal }) => proposal.because))
  for (const kind of ['unused', 'narrower', 'arguments'] as const) expect(kinds).toContain(kind)
  const conditions = items.flatMap(({ proposal }) => proposal.conditions.flatMap((each) => each.conditions))
  const operators = new Set(conditions.flatMap((each) => Object.keys(each).filter((name) => name !== 'pointer')))
  expect(operators).toEqual(new Set(['equals', 'in', 'prefix', 'range']))
  expect(items.every(({ proposal }) => proposal.denials === 0)).toBe(true)

  const usage = await grantUsage(ctx, { agentId: 'invoice-reconciler-benelux' })
  const missing = usage.flatMap((row) => row.arguments.map((tool) => tool.missing))
  expect(missing.length).toBeGreaterThan(0)
  for (const each of missing) expect(each?.unknown).toBeGreaterThan(0)
})

dbTest(
  'a later seeding keeps what people changed, follows the port and the credential, and goes on with the history',
  { timeout: seedingMs },
  async ({ db }) => {
    await db.agent.update({
      where: { id: 'ticket-triager-orders' },
      data: { purpose: 'changed by a person', status: 'retired' },
    })
    await db.grant.updateMany({ where: { agentId: 'ticket-triager-orders' }, data: { revokedAt: new Date() } })
    const again = await seedDemo(at(db, '2026-11-22T10:00:00Z'), options)
    expect(again).toEqual({ people: 0, agents: 0, days: 0, runs: 0, calls: 0 })

    const later = await seedDemo(at(db, '2026-11-25T12:00:00Z'), {
      ...options,
      port: 8420,
      token: 'second-upstream-credential',
    })
    expect(later).toMatchObject({ people: 0, agents: 0 })
    expect(later.days).toBeGreaterThan(250)
    expect(later.runs).toBeGreaterThan(1000)
    expect(later.calls).toBeGreaterThan(later.runs)
    const unknown = await grantUsage(at(db, '2026-11-25T12:00:00Z'), { agentId: 'invoice-reconciler-cloud' })
    expect(unknown.flatMap((row) => row.arguments.filter((tool) => tool.missing))).toEqual([])
    const days = await db.agentDay.findMany({
      where: { day: { gt: new Date('2026-11-22') } },
      select: { agentId: true },
    })
    expect(days.some((row) => row.agentId === 'ticket-triager-orders')).toBe(false)
    expect(await db.grant.count({ where: { agentId: 'ticket-triager-orders', revokedAt: null } })).toBe(0)
    expect(await db.agent.findUnique({ where: { id: 'ticket-triager-orders' } })).toMatchObject({
      purpose: 'changed by a person',
    })
    const server = await db.mcpServer.findUniqueOrThrow({ where: { id: 'erp' }, include: { credentials: true } })
    expect(server.url).toBe('http://127.0.0.1:8421/mcp')
    const { ciphertext } = server.credentials[0]!
    expect(await secretBox.open(ciphertext, sealContexts.upstreamCredential('erp'))).toBe('second-upstream-credential')
  },
)
