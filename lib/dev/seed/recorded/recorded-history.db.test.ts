import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { runPolicyReplay, startPolicyReplay } from '#lib/guardrails/commands.ts'
import { getPolicyReplay } from '#lib/guardrails/queries.ts'
import { actorForPerson } from '#lib/auth/queries.ts'
import { explainDecision } from '#lib/guardrails/queries/explanation/decision.ts'
import { holdInsight } from '#lib/guardrails/queries/hold-insight.ts'
import { personas } from '#lib/auth/personas.ts'
import { getScopeRequest, grantProposals } from '#lib/scopes/queries.ts'
import { grantProposalsQuery } from '#lib/scopes/schema/usage.ts'
import { demoUuid } from '../demo-uuid.ts'
import { planFleet } from '../fleet-plan.ts'
import { seedDemo } from '../seed-demo.ts'
import { planRuns } from './plan-runs.ts'

/** A seeding takes seconds, and on a busy machine many times as long. */
const seedingMs = 300_000
const now = new Date()
const options = {
  host: '127.0.0.1',
  port: 7420,
  token: 'upstream-credential',
  secretBox: createSecretBox(randomBytes(32).toString('base64')),
  templatesFolder: join(import.meta.dirname, '../../../../templates'),
}
const seeding = (db: Ctx['db']): Ctx => ({ db, actor: systemActor('demo seed'), now })

dbTest(
  'a seeding that was interrupted goes on where it stopped, and leaves nothing out',
  { timeout: 2 * seedingMs },
  async ({ db }) => {
    await db.$executeRaw`
    create function no_more() returns trigger language plpgsql as $$ begin
      if (select count(*) from "HeldCall") > 9 then raise exception 'interrupted'; end if; return new; end $$`
    await db.$executeRaw`create trigger no_more before insert on "HeldCall" for each row execute function no_more()`
    await expect(seedDemo(seeding(db), options)).rejects.toThrow('interrupted')
    expect(await db.heldCall.count()).toBe(10)
    const before = await db.auditEvent.count({ where: { event: 'mcp.call_allowed' } })
    expect(before).toBeGreaterThan(0)
    await db.$executeRaw`drop trigger no_more on "HeldCall"`
    const outcome = await seedDemo(seeding(db), options)
    expect(outcome).toMatchObject({ agents: 0, runs: 0 })
    expect(await db.auditEvent.count({ where: { event: 'mcp.call_allowed' } })).toBeGreaterThan(before)
    expect(await db.heldCall.count()).toBeGreaterThan(30)
  },
)

dbTest(
  'each run has the calls on record that it counts, in the log in the order in which they happened',
  async ({ db }) => {
    const wrong = await db.$queryRaw<unknown[]>`
    select r."id" from "Run" r join lateral (
      select count(*) filter (where e."event" in ('mcp.call_allowed', 'mcp.call_denied'))::int as "calls",
        count(*) filter (where e."event" = 'mcp.call_denied')::int as "denied", min(e."at") as "first", max(e."at") as "last"
      from "AuditEvent" e where e."runId" = r."id") c on true
    where r."demo" and not exists (select from "RunEvent" n where n."runId" = r."id")
      and (r."toolCalls" <> c."calls" or r."deniedCalls" <> c."denied" or c."first" < r."createdAt" or c."last" > r."endedAt")`
    expect(wrong).toEqual([])
    const [log] = await db.$queryRaw<{ rows: number; last: number; unordered: number; marked: boolean }[]>`
    select count(*)::int as "rows", max("seq")::int as "last",
      (count(*) filter (where "at" < "before" - interval '5 seconds'))::int as "unordered",
      bool_and("event" not like 'mcp.call_%' or "detail"->>'demo' = 'true') as "marked"
    from (select *, lag("at") over (order by "seq") as "before" from (select * from "AuditEvent" where "runId" is not null) calls) e`
    expect(log).toMatchObject({ unordered: 0, marked: true })
    const [head] = await db.$queryRaw<{ rows: number; seq: number }[]>`
    select (select count(*) from "AuditEvent")::int as "rows", "seq"::int from "AuditHead"`
    expect(head!.rows).toBe(head!.seq)
  },
)

dbTest('the policies in force decide all of it again as it was decided', async ({ db }) => {
  const ctx = { ...seeding(db), actor: (await actorForPerson(db, personas[2]!.id))! }
  const { number } = await db.policySet.findFirstOrThrow({ where: { state: 'enforced' } })
  const { replayId } = await startPolicyReplay(ctx, { number, since: '90d' })
  await runPolicyReplay(seeding(db), { replayId })
  const { figures } = await getPolicyReplay(ctx, replayId)
  expect(figures).toMatchObject({ unreproduced: 0, unjudged: 0, blocked: { calls: 0 }, permitted: { calls: 0 } })
  const calls = await db.auditEvent.count({ where: { event: { in: ['mcp.call_allowed', 'mcp.call_denied'] } } })
  expect(figures!.calls).toBe(calls)
  expect(calls).toBeGreaterThan(30_000)
  const byPolicy = await db.auditEvent.count({ where: { rule: 'policy_destructive_on_production' } })
  expect(byPolicy).toBeGreaterThan(0)
})

dbTest(
  'what is added up of the recorded days is what the log says, and made up for the days before alone',
  async ({ db }) => {
    const wrong = await db.$queryRaw<unknown[]>`
    with log as (
      select e."agentId", e."serverId", e."tool", (e."at" at time zone 'UTC')::date as "day",
        (count(*) filter (where e."event" = 'mcp.call_allowed'))::int as "calls", (count(*) filter (where e."event" = 'mcp.call_denied'))::int as "refused"
      from "AuditEvent" e where e."event" in ('mcp.call_allowed', 'mcp.call_denied') group by 1, 2, 3, 4
    ), first as (select min("day") as "day" from log)
    select * from log full join (select d.* from "AgentToolDay" d, first f where d."day" >= f."day") d using ("agentId", "serverId", "tool", "day")
    where (log."calls", log."refused") is distinct from (d."calls", d."refused")`
    expect(wrong).toEqual([])
    const days = await db.$queryRaw<unknown[]>`
    with log as (
      select e."agentId", (e."at" at time zone 'UTC')::date as "day", count(*)::int as "calls", (count(*) filter (where e."event" = 'mcp.call_denied'))::int as "denied"
      from "AuditEvent" e where e."event" in ('mcp.call_allowed', 'mcp.call_denied') group by 1, 2
    ), ran as (
      select r."agentId", (r."endedAt" at time zone 'UTC')::date as "day", count(*)::int as "runs" from "Run" r where r."endedAt" >= (select min("day") from log) group by 1, 2
    )
    select * from log full join ran using ("agentId", "day") full join (select * from "AgentDay" where "day" >= (select min("day") from log)) d using ("agentId", "day")
    where (log."calls", log."denied", ran."runs") is distinct from (d."toolCalls", d."deniedCalls", d."runs")`
    expect(days).toEqual([])
    expect(
      await db.agentToolDay.count({ where: { day: { lt: new Date(now.getTime() - 20 * 86_400_000) } } }),
    ).toBeGreaterThan(0)
  },
)

dbTest(
  'it shows what the screens are for: less privilege, past denials, held calls, an explained denial',
  async ({ db }) => {
    const ctx = { ...seeding(db), actor: (await actorForPerson(db, personas[2]!.id))! }
    const { items } = await grantProposals(ctx, grantProposalsQuery.parse({ limit: 500 }))
    const narrower = items.filter(({ proposal }) => proposal.because === 'narrower')
    const conditional = items.filter(({ proposal }) => proposal.conditions.length > 0)
    expect(narrower.length).toBeGreaterThan(0)
    expect(conditional.some(({ agent }) => agent.id === 'invoice-reconciler-cloud')).toBe(true)

    const { context } = await getScopeRequest(ctx, demoUuid('pending ticket-triager-mobile tickets write'))
    expect(context?.denials.count).toBeGreaterThan(0)

    const insight = await holdInsight(ctx, { days: 30 })
    expect(insight.overall).toMatchObject({ waiting: 0 })
    expect(insight.rules.map(({ rejected, edited, expired }) => rejected + edited + expired > 0)).toContain(true)
    expect(insight.suggestions.map(({ kind }) => kind)).toContain('always_approved')

    const denial = await db.auditEvent.findFirstOrThrow({ where: { rule: 'policy_destructive_on_production' } })
    const explained = await explainDecision(ctx, { id: denial.id })
    expect(explained).toMatchObject({ outcome: 'refused', demo: true, rule: 'policy_destructive_on_production' })
    expect(explained.now).toMatchObject({ differs: false })
  },
)

dbTest('the same day of an agent is planned alike everywhere', () => {
  const [agent] = planFleet()
  const of = { day: new Date('2026-11-20'), today: new Date('2026-11-22'), prices: [] }
  const [one, other] = [planRuns(agent!, of), planRuns(agent!, of)].map((runs) =>
    runs.map((run) => ({ ...run, random: null })),
  )
  expect(one).toEqual(other)
  expect(one!.length).toBeGreaterThan(10)
})
