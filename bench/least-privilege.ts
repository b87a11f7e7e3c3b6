// npm run bench:least-privilege: from a million recorded calls to what each grant could be less. bench/README.md says how it is measured.
import { cpuSeconds } from './cpu.ts'
import { holdTo } from './bar.ts'
import { print } from './print.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { createDb, type Db } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { migrate } from '#lib/db/migrate.ts'
import { freePort } from '#lib/dev/ports.ts'
import { ensureDatabase, startPostgres } from '#lib/dev/postgres/server.ts'
import { seedLargeFleet } from '#lib/dev/seed/large/seed-large.ts'
import { observeArguments } from '#lib/guardrails/rules/argument-observation.ts'
import { rollUpTraffic } from '#lib/metrics/commands.ts'
import { grantProposals } from '#lib/scopes/queries.ts'
import { usageSql } from '#lib/scopes/queries/grant-calls.ts'
import { grantProposalsQuery } from '#lib/scopes/schema/usage.ts'

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000000' },
    agents: { type: 'string', default: '2000' },
    explain: { type: 'boolean', default: false },
  },
})
const [calls, agents] = [Number(values.calls), Number(values.agents)]
const barSeconds = 30

const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-bench-'))
const postgres = await startPostgres({
  folder,
  port: await freePort(),
  password: 'bench',
  durable: true,
  onOutput: () => {},
})
process.once('SIGINT', () => void postgres.stop().finally(() => process.exit(130)))
try {
  await ensureDatabase(postgres, 'privilege')
  const databaseUrl = postgres.url('privilege')
  await migrate({ databaseUrl })
  await seedLargeFleet({ databaseUrl, agents, seed: 1, now: new Date() })
  // The log is filled by one statement, of as many rows as are asked for.
  const db = createDb(databaseUrl, { poolSize: 4, answerMs: 3_600_000 })
  try {
    await bench(db)
  } finally {
    await db.$disconnect()
  }
} finally {
  await postgres.stop()
  await rm(postgres.folder, { recursive: true, force: true })
  await rm(folder, { recursive: true, force: true })
}

async function bench(db: Db): Promise<void> {
  const ctx = (): Ctx => ({ db, actor: systemActor('bench'), now: new Date() })
  // What the fleet's seed adds up by itself is left out: every figure is of the calls below.
  await db.$executeRaw`truncate "AgentToolDay", "ToolHour"`
  const loaded = await seconds(() => loadCalls(db))
  const [counted] = await db.$queryRaw<{ calls: bigint; pairs: bigint }[]>`
    select count(*) as "calls", count(distinct ("agentId", "serverId", "tool")) as "pairs" from "AuditEvent" where "event" = 'mcp.call_allowed'`
  print(
    `${counted?.calls} calls by ${agents} agents, of ${counted?.pairs} pairs of agent and tool, loaded in ${loaded.toFixed(1)} s`,
  )
  const before = [cpuSeconds(process.pid), databaseCpu()] as const
  const added = await seconds(async () => {
    while ((await rollUpTraffic(ctx())).more);
  })
  const [worker, database] = [cpuSeconds(process.pid) - before[0], databaseCpu() - before[1]]
  const rows = await db.agentToolDay.count()
  const profiles = await db.argumentProfile.count()
  print(
    `added up to ${rows} rows of agent, tool and day and ${profiles} profiles of agent, tool and week in ${added.toFixed(1)} s (the worker does this all the time); of processors ${worker.toFixed(1)} s here and ${database.toFixed(1)} s in the database, at a load of ${loadavg()[0]!.toFixed(1)}`,
  )
  await db.$executeRaw`analyze`
  for (const days of [30, 90]) {
    const found = { revoke: 0, narrow: 0, conditions: 0, denials: 0 }
    const took = await seconds(async () => {
      for (let cursor: string | null | undefined; cursor !== null;) {
        const query = grantProposalsQuery.parse({ days, limit: 500, ...(cursor ? { cursor } : {}) })
        const page = await grantProposals(ctx(), query)
        for (const { proposal } of page.items) {
          found[proposal.kind] += 1
          found.denials += proposal.denials
          for (const { conditions } of proposal.conditions) found.conditions += conditions.length
        }
        cursor = page.nextCursor
      }
    })
    print(
      `${days} days: ${found.revoke} to revoke, ${found.narrow} to narrow, ${found.conditions} conditions, ${found.denials} calls denied, in ${took.toFixed(2)} s; with adding up ${(took + added).toFixed(1)} s`,
    )
    holdTo(barSeconds, { what: `${days} days with adding up`, seconds: took + added, calls })
  }
  if (values.explain) await printPlan(db)
}

/** Calls as the broker records them: of a third of the tools that each grant covers, over ninety days. */
async function loadCalls(db: Db): Promise<void> {
  await db.$executeRaw`analyze`
  await db.$executeRaw`
    with used as materialized (
      select g."agentId", a."name", a."ownerTeamId", g."serverId", t."name" as "tool", row_number() over () as "at"
      from "Grant" g join "Agent" a on a."id" = g."agentId"
      join "McpTool" t on t."serverId" = g."serverId" and t."class" <= g."class" and (g."toolName" is null or g."toolName" = t."name")
      where g."revokedAt" is null and hashtext(g."id"::text || t."name") % 3 = 0
    ), head as (select "seq" from "AuditHead" where "id" = 1), total as materialized (select count(*) as "pairs" from used),
    call as materialized (select n, 1 + (n::bigint * 7919) % "pairs" as "at" from total, generate_series(1, ${calls}::int) n)
    insert into "AuditEvent" ("seq", "id", "at", "event", "actorKind", "actorId", "actorName", "subjectKind", "subjectId", "subjectName",
      "agentId", "teamId", "serverId", "tool", "decision", "detail")
    select h."seq" + c.n, gen_random_uuid(), now() - interval '90 days' * (1 - c.n::float / ${calls}), 'mcp.call_allowed', 'agent', u."agentId", u."name",
      'tool', u."tool", u."tool", u."agentId", u."ownerTeamId", u."serverId", u."tool", 'allow', '{"outcome": "ok", "ms": 12}'
    from head h, call c join used u using ("at")`
  const shapes = Array.from({ length: 1000 }, (_, at) => JSON.stringify(observeArguments(argumentsOf(at))))
  await db.$executeRaw`
    insert into "ArgumentObservation" ("eventId", "facts")
    select "id", (${shapes}::json[])[1 + "seq" % 1000] from "AuditEvent" where "event" = 'mcp.call_allowed'`
  await db.$executeRaw`update "AuditHead" set "seq" = (select max("seq") from "AuditEvent") where "id" = 1`
}

/** Arguments as tools have them: something that never moves, a few values, an amount, a path, an identifier and a text that is not kept. */
function argumentsOf(at: number): object {
  return {
    currency: 'EUR',
    status: ['open', 'paid', 'late'][at % 3],
    amount: { cents: 100 + at * 37, rounded: at % 2 === 0 },
    file: `invoices/2026/${at}.pdf`,
    invoiceId: `INV-${at}`,
    note: `Looked at by the agent before it was paid, number ${at}`,
  }
}

async function printPlan(db: Db): Promise<void> {
  const found = await db.agent.findMany({ select: { id: true }, orderBy: { id: 'asc' }, take: 200 })
  const sql = usageSql({ agentIds: found.map(({ id }) => id), days: 30, now: new Date() })
  const rows = await db.$queryRaw<{ 'QUERY PLAN': string }[]>(Prisma.sql`explain (analyze, costs off) ${sql}`)
  print(`\n-- what 200 agents hold and called\n${rows.map((row) => row['QUERY PLAN']).join('\n')}`)
}

function databaseCpu(): number {
  return cpuSeconds(postgres.process.pid!, { children: true })
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}
