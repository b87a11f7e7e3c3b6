// npm run bench:registry: how fast the catalog answers, at 1,000, 10,000 and 100,000 agents. bench/README.md says how it is measured.
import { print } from './print.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { createDb } from '#lib/db/client.ts'
import { migrate } from '#lib/db/migrate.ts'
import { freePort } from '#lib/dev/ports.ts'
import { syncPolicySets } from '#lib/guardrails/commands.ts'
import { ensureDatabase, startPostgres } from '#lib/dev/postgres/server.ts'
import { seedLargeFleet } from '#lib/dev/seed/large/seed-large.ts'
import { getAgent, listAgents, searchAgents } from '#lib/registry/queries.ts'
import { barOf, type Case, cases } from './registry-cases.ts'
import { printHistory } from './registry-history.ts'
import { printPlans } from './registry-plans.ts'

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '1000,10000,100000' },
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    explain: { type: 'boolean', default: false },
    /** A database that has a fleet already. */
    database: { type: 'string' },
  },
})
const sizes = values.agents.split(',').map(Number)
const rounds = Number(values.rounds)
const levels = [1, 16] as const

/** `cpu`: of this process, an answer. */
type Timing = { p50: number; p95: number; p99: number; cpu: number; total: number | null }

if (values.database) await benchDatabase(values.database)
else await benchSizes()

async function benchSizes(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-bench-'))
  const port = await freePort()
  const postgres = await startPostgres({ folder, port, password: 'bench', durable: true, onOutput: () => {} })
  // Interrupted, it must not leave its database behind.
  const onSignal = (): void => void postgres.stop().finally(() => process.exit(130))
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  try {
    const table = new Map<number, Map<string, Timing[]>>()
    for (const agents of sizes) {
      await ensureDatabase(postgres, `fleet_${agents}`)
      table.set(agents, await benchSize(agents, postgres.url(`fleet_${agents}`)))
    }
    printGrowth(table)
  } finally {
    await postgres.stop()
    await rm(postgres.folder, { recursive: true, force: true })
    await rm(folder, { recursive: true, force: true })
  }
}

async function benchSize(agents: number, databaseUrl: string): Promise<Map<string, Timing[]>> {
  await migrate({ databaseUrl })
  const seeded = await seedLargeFleet({ databaseUrl, agents, seed: Number(values.seed), now: new Date() })
  print(`\n${agents} agents: ${seeded.grants} grants and ${seeded.days} days loaded in ${seeded.seconds.toFixed(1)} s`)
  return await benchDatabase(databaseUrl, true)
}

/** `own`: it was made for this run. */
async function benchDatabase(databaseUrl: string, own = false): Promise<Map<string, Timing[]>> {
  const db = createDb(databaseUrl, { poolSize: 16, answerMs: 600_000 })
  try {
    const ctx = (): Ctx => ({ db, actor: systemActor('bench'), now: new Date() })
    // Without an enforced set nothing is within reach.
    await syncPolicySets(ctx())
    const before = process.memoryUsage().rss
    const started = performance.now()
    const { total: size } = await listAgents(ctx())
    const mb = (process.memoryUsage().rss - before) / 1e6
    print(`index built in ${((performance.now() - started) / 1000).toFixed(1)} s, ${mb.toFixed(0)} MB`)
    if (values.explain) await printPlans(db, ctx())
    print(
      `${'ms'.padEnd(36)} ${'found'.padStart(7)}   ${levels.map((level) => `p50 p95 p99 cpu at ${level}`.padEnd(32)).join('')}`,
    )
    const timings = new Map<string, Timing[]>()
    for (const each of cases) {
      const ofCase: Timing[] = []
      for (const level of levels) ofCase.push(await timeCase(each, { ctx, level }))
      timings.set(each.name, ofCase)
      const shown = ofCase.map(({ p50, p95, p99, cpu }) =>
        [p50, p95, p99, cpu]
          .map((ms) => ms.toFixed(1).padStart(7))
          .join('')
          .padEnd(32),
      )
      const verdict = size >= 100_000 ? verdictOf(each, ofCase) : ''
      print(`${each.name.padEnd(36)} ${String(ofCase[0]!.total ?? '').padStart(7)}   ${shown.join('')}${verdict}`)
    }
    await printHistory(db, ctx, { backdate: own })
    return timings
  } finally {
    await db.$disconnect()
  }
}

function verdictOf(each: Case, timings: readonly Timing[]): string {
  const bar = barOf(each)
  if (!bar) return ''
  return timings.every(({ p95 }, at) => p95 <= bar.p95[at]!)
    ? 'p95 within its bar'
    : `p95 ABOVE ${bar.p95.join('/')} ms`
}

/** Each answer is also written as JSON, as the API writes it; what it is asked through (HTTP, sign-in) is left out. */
async function timeCase(each: Case, about: { ctx: () => Ctx; level: number }): Promise<Timing> {
  const [first] = (await listAgents(about.ctx(), { limit: 1, sort: 'runs', order: 'desc' })).items
  let total: number | null = null
  const ask = async (): Promise<void> => {
    if (each.kind === 'agent') return void JSON.stringify(await getAgent(about.ctx(), first!.id))
    const answer =
      each.kind === 'list'
        ? { list: await listAgents(about.ctx(), each.input) }
        : await searchAgents(about.ctx(), each.input)
    total = answer.list.total
    JSON.stringify(answer)
  }
  for (let warmUp = 0; warmUp < 20; warmUp += 1) await ask()
  const took: number[] = []
  let left = rounds
  const cpu = process.cpuUsage()
  await Promise.all(
    Array.from({ length: about.level }, async () => {
      while (left > 0) {
        left -= 1
        const started = performance.now()
        await ask()
        took.push(performance.now() - started)
      }
    }),
  )
  const used = process.cpuUsage(cpu)
  const sorted = took.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), cpu: (used.user + used.system) / 1000 / took.length, total }
}

function printGrowth(table: ReadonlyMap<number, ReadonlyMap<string, Timing[]>>): void {
  const [from, to] = [table.get(10_000), table.get(100_000)]
  if (!from || !to) return
  print('\ngrowth from 10,000 to 100,000 agents (p50 at 1, p50 at 16)')
  for (const each of cases) {
    const growth = levels.map((_, at) => to.get(each.name)![at]!.p50 / from.get(each.name)![at]!.p50)
    const shown = growth.map((times) => `${times.toFixed(1)}x`.padStart(7)).join('')
    const bar = barOf(each)?.growth ?? Number.POSITIVE_INFINITY
    print(`${each.name.padEnd(36)} ${shown}${growth.some((times) => times > bar) ? `   ABOVE ${bar}x` : ''}`)
  }
}
