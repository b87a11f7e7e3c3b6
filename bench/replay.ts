// npm run bench:replay: how long it takes to decide a million recorded calls again. bench/README.md says how it is measured.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createDb, type Db } from '#lib/db/client.ts'
import { migrate } from '#lib/db/migrate.ts'
import { freePort } from '#lib/dev/ports.ts'
import { ensureDatabase, startPostgres } from '#lib/dev/postgres/server.ts'
import { readPolicySource } from '#lib/guardrails/queries.ts'
import { KeptDifferences } from '#lib/guardrails/replay/kept-differences.ts'
import { rangeInLog, type RecordedRange } from '#lib/guardrails/replay/recorded-calls.ts'
import { replayCalls } from '#lib/guardrails/replay/replay-calls.ts'
import { replayedSet } from '#lib/guardrails/replay/replayed-set.ts'
import { replaySays } from '#lib/guardrails/rules/replay-words.ts'
import { holdTo } from './bar.ts'
import { print } from './print.ts'
import { fillLog, madeSituations } from './replay-log.ts'

const { values } = parseArgs({
  options: { calls: { type: 'string', default: '1000000' }, situations: { type: 'string', default: '5000' } },
})

const barSeconds = 60

const words = '@title("t") @explanation("e") @remedy("r")'
const changes = {
  'the unchanged policies': [],
  'low tier reads nothing confidential': [
    `@id("policy_low_tier") ${words} forbid (principal, action, resource) when { principal.tier == "low" && resource.server.sensitivity == "confidential" };`,
  ],
  'nothing is written on production at night and on weekends': [
    `@id("policy_night") ${words} forbid (principal, action, resource) when { resource.class != "read" && resource.server.environment == "production" && (context.hour < 7 || context.hour >= 20 || context.weekday > 5) };`,
  ],
  'one agent, one team and one tool are refused': [
    `@id("policy_names") ${words} forbid (principal, action, resource) when { principal == Wheelhouse::Agent::"agent-7" || principal in Wheelhouse::Team::"team-3" || resource == Wheelhouse::Tool::"server-1/read_0" };`,
  ],
}

const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-bench-'))
const port = await freePort()
const postgres = await startPostgres({ folder, port, password: 'bench', durable: true, onOutput: () => {} })
// Interrupted, it must not leave its database behind.
const onSignal = (): void => void postgres.stop().finally(() => process.exit(130))
process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
try {
  await ensureDatabase(postgres, 'replay')
  await bench(postgres.url('replay'))
} finally {
  await postgres.stop()
  await rm(postgres.folder, { recursive: true, force: true })
  await rm(folder, { recursive: true, force: true })
}

async function bench(databaseUrl: string): Promise<void> {
  await migrate({ databaseUrl })
  const { policies } = await readPolicySource()
  const enforced = await replayedSet({ number: 1, version: 'enforced', policies })
  const calls = Number(values.calls)
  const situations = madeSituations(Number(values.situations))
  const started = performance.now()
  const { rows } = await fillLog(databaseUrl, { calls, situations, ...enforced })
  print(`${rows} rows of the audit log made in ${seconds(started)} s, ${situations.length} situations`)
  const db = createDb(databaseUrl, { poolSize: 2 })
  try {
    for (const [name, added] of Object.entries(changes)) {
      const version = added.length === 0 ? 'enforced' : 'changed'
      await replayOnce(db, { name, set: { number: 2, version, policies: [...policies, ...added] } })
    }
  } finally {
    await db.$disconnect()
  }
}

async function replayOnce(
  db: Db,
  { name, set: stored }: { name: string; set: { number: number; version: string; policies: string[] } },
): Promise<void> {
  const started = performance.now()
  let read = 0
  const cpu = process.cpuUsage()
  const set = await replayedSet(stored)
  if (set.problem) throw new Error(set.problem)
  const range = await rangeInLog(db, new Date(Date.now() - 91 * 86_400_000))
  const by = { replayId: await replayOf(db, range), attempt: 1 }
  const kept = new KeptDifferences(db, { by })
  const rssBefore = process.memoryUsage.rss()
  let rssMax = 0
  const figures = await replayCalls(db, {
    by,
    range,
    set,
    onDifferences: (differences) => kept.add(differences),
    onProgress: async ({ doneSeq }) => {
      rssMax = Math.max(rssMax, process.memoryUsage.rss())
      if (doneSeq === String(range.upToSeq)) read ||= performance.now() - started
    },
  })
  const { user, system } = process.cpuUsage(cpu)
  const took = (performance.now() - started) / 1000
  print(
    `\n${name}: ${took.toFixed(1)} s, of which ${(read / 1000).toFixed(1)} s read the log; cpu ${((user + system) / 1e6).toFixed(1)} s; at most ${(rssMax / 2 ** 20).toFixed(0)} MiB resident, ${(rssBefore / 2 ** 20).toFixed(0)} before`,
  )
  holdTo(barSeconds, { what: name, seconds: took, calls: Number(values.calls) })
  for (const sentence of replaySays({ ...figures, leftOut: kept.leftOut })) print(`  ${sentence}`)
  if (figures.unreproduced > 0) throw new Error('The unchanged policies do not reproduce what was recorded.')
}

async function replayOf(db: Db, { from, afterSeq, upToSeq }: RecordedRange): Promise<string> {
  const asked = { setNumber: 2, setVersion: 'changed', requestedById: 'bench', requestedByName: 'bench' }
  const data = { ...asked, state: 'done', attempt: 1, fromAt: from, toAt: new Date(), afterSeq, upToSeq, doneSeq: afterSeq } as const // prettier-ignore
  return (await db.policyReplay.create({ data })).id
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1)
}
