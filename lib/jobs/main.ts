import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { createTokenIssuer } from '#lib/auth/commands/agent-tokens.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import { createClaudePort } from '#lib/claude/commands.ts'
import { ConfigError } from '#lib/config/shared.ts'
import { parseWorkerConfig } from '#lib/config/worker.ts'
import { createDb } from '#lib/db/client.ts'
import { listen } from '#lib/db/listen.ts'
import type { HarnessDeps } from '#lib/harness/worker/deps.ts'
import { createFollowers } from '#lib/harness/worker/followers.ts'
import { harnessHandlers } from '#lib/harness/worker/handlers.ts'
import { endHeldCalls, endHoldBypasses, remindOfHeldCalls, runPolicyReplay } from '#lib/guardrails/commands.ts'
import { acknowledgeStop, enforceStops } from '#lib/killswitch/commands.ts'
import { createKeyring, proveKeyring, rewrapSealed } from '#lib/keys/commands.ts'
import { watchReviews, watchOrphans } from '#lib/lifecycle/commands.ts'
import { createLog } from '#lib/log/log.ts'
import {
  countRunEnd,
  recordUsage,
  refreshOverBudget,
  rollUpDays,
  rollUpTraffic,
  seedPriceBook,
} from '#lib/metrics/commands.ts'
import { beatProcess, endProcessBeat, runServerProbe, warnOfExpiry } from '#lib/registry/commands.ts'
import { removeUnusedPackages, runPackageFetch } from '#lib/registry/commands/package-fetch.ts'
import { namedIssuer, provenClientToken } from '#lib/upstreams/commands.ts'
import {
  collectNotifications,
  createMailer,
  createNotificationDispatcher,
  makeDigests,
} from '#lib/notifications/commands.ts'
import { remindOfScopes } from '#lib/scopes/commands.ts'
import { collectWebhookDeliveries, createSender, createWebhookDispatcher } from '#lib/webhooks/commands.ts'
import { releaseDeadPools } from './dead-pools.ts'
import { every } from './every.ts'
import { forgetOld } from './forget-main.ts'
import { startHealthServer } from './health.ts'
import { lateLoops, measureLoops } from './loops.ts'
import { createLocks } from '#lib/db/locks.ts'
import { startQueue } from './queue.ts'
import { onShutdown } from './shutdown.ts'

/** Jobs at once; each may hold a lock's connection. */
const concurrency = 10
/** Whoever finds a run locked for longer lets others work and is tried again. */
const lockWaitMs = 30_000
/** Until a receiver of webhooks has answered (Standard Webhooks proposes 15 to 30 s). */
const webhookTimeoutMs = 15_000
/** The roll-ups of this many days are proven right every hour. */
const rollUpDaysBack = 2

try {
  await main()
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  )
  process.exit(1)
}

async function main(): Promise<void> {
  const config = parseWorkerConfig()
  const log = createLog({ process: 'worker', level: config.logLevel })
  const instance = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`
  const db = createDb(config.databaseUrl, { poolSize: 12 })
  // Who obeys stop orders and says that it lives cannot wait long for a database that has gone without a word; who adds up days can.
  const prompt = createDb(config.databaseUrl, { poolSize: 2, answerMs: 15_000 })
  const patient = createDb(config.databaseUrl, { poolSize: 3, answerMs: 660_000 })
  const locks = createLocks({
    databaseUrl: config.databaseUrl,
    poolSize: concurrency + 2,
    waitMs: lockWaitMs,
    log,
  })
  const ctx = (over = db) => ({ db: over, actor: systemActor('worker'), now: new Date() })

  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const jobSeconds = new Histogram({
    name: 'wheelhouse_job_seconds',
    help: 'How long jobs took.',
    labelNames: ['job', 'outcome'],
    buckets: [0.05, 0.2, 1, 5, 20, 60],
    registers: [registry],
  })
  const stopsAcknowledged = new Counter({
    name: 'wheelhouse_stops_acknowledged_total',
    help: 'Stop orders this worker acted on.',
    registers: [registry],
  })

  const keyring = createKeyring(config.keys, db)
  await proveKeyring(keyring)
  const deps: HarnessDeps = {
    db,
    claude: createClaudePort({
      baseUrl: config.claude.url,
      apiKey: config.claude.apiKey,
      capabilities: { simulatedModel: config.claude.simulatedModel },
    }),
    tokens: createTokenIssuer({ ...config, secretBox: keyring }),
    brokerUrl: config.brokerUrl,
    meter: { recordUsage, countRunEnd },
    simulated: config.claude.simulatedModel,
    log,
    exclusively: locks.exclusively,
  }

  await seedPriceBook(ctx())
  const followers = createFollowers(deps, { holder: instance })
  const runsFollowed = new Gauge({
    name: 'wheelhouse_runs_followed',
    help: 'Open runs this worker follows.',
    registers: [],
    collect() {
      this.set(followers.count())
    },
  })
  registry.registerMetric(runsFollowed)

  const living = { process: 'worker', instance } as const
  const beats = every(1_000, {
    what: 'saying that this worker lives',
    lateMs: 30_000,
    log,
    async work() {
      await beatProcess(ctx(prompt), living)
    },
  })
  const acknowledged = new Set<string>()
  const stops = every(1_000, { what: 'reading stop orders', lateMs: 30_000, log, work: obeyStops })
  const budgets = every(10_000, {
    what: 'comparing spending with budgets',
    lateMs: 60_000,
    log,
    async work() {
      await refreshOverBudget(ctx())
    },
  })
  const held = every(2_000, {
    what: 'ending held calls that nobody decided',
    lateMs: 30_000,
    log,
    async work() {
      // Brokers and workers have said by that clock that they live.
      const [{ now }] = await db.$queryRaw<[{ now: Date }]>`select now() as "now"`
      await endHeldCalls({ ...ctx(), now })
      await endHoldBypasses(ctx())
      // Last: a reminder that fails never keeps anything from ending.
      await remindOfHeldCalls(ctx())
    },
  })
  const orphans = every(2_000, {
    what: 'looking for agents that nobody answers for',
    log,
    async work() {
      const { orphaned, ended, suspended } = await watchOrphans(ctx(), { graceDays: config.orphanGraceDays })
      if (orphaned + ended + suspended > 0) orphans.nudge()
    },
  })
  const traffic = every(2_000, {
    what: 'adding up calls',
    log,
    async work() {
      const { more, cost } = await rollUpTraffic(ctx())
      if (cost) budgets.nudge()
      if (more) traffic.nudge()
    },
  })
  const listener = await listen({
    databaseUrl: config.databaseUrl,
    channels: ['wheelhouse_stop'],
    onNotify: () => stops.nudge(),
    log,
  })

  const sender = createSender({ privateHosts: config.webhookPrivateHosts, timeoutMs: webhookTimeoutMs })
  const dispatcher = createWebhookDispatcher({ ctx, sender, secretBox: keyring, log })
  const webhooks = every(1_000, { what: 'telling webhooks', log, work: tellWebhooks })

  const mailer = config.smtp && createMailer(config.smtp)
  const postman = createNotificationDispatcher({ ctx, sender, mailer, secretBox: keyring, url: config.url, log })
  const people = every(1_000, {
    what: 'telling people',
    log,
    async work() {
      const passed = await collectNotifications(ctx(), { mail: mailer !== null })
      const begun = await postman.round()
      if (passed > 0 || begun > 0) people.nudge()
    },
  })
  const digests = every(30_000, {
    what: 'making digests',
    log,
    async work() {
      await makeDigests(ctx())
    },
  })
  const loops = { beats, stops, budgets, held, orphans, traffic, webhooks, people, digests }
  measureLoops(loops, registry)

  let poolId: string | undefined
  let queueEnded = false
  const queue = await startQueue({
    databaseUrl: config.databaseUrl,
    concurrency,
    log,
    handlers: {
      ...harnessHandlers(deps, () => followers.nudge()),
      async warnOfExpiry() {
        await warnOfExpiry(ctx())
      },
      async remindOfScopes() {
        await remindOfScopes(ctx())
      },
      async replayPolicies({ replayId }, { last }) {
        await runPolicyReplay(ctx(), { replayId, last })
      },
      async watchReviews() {
        await watchReviews(ctx())
      },
      async rewrapKeys() {
        await rewrapSealed(ctx(), { keyring })
      },
      async probeServer({ probeId }, { last }) {
        const { allowLinkLocal, programs } = config
        const asking = { clientToken: provenClientToken, namedIssuer }
        await runServerProbe(ctx(), { probeId, last, secretBox: keyring, allowLinkLocal, programs, ...asking })
      },
      async fetchPackage({ packageId }) {
        await runPackageFetch(ctx(), { packageId, store: config.packages })
      },
      async rollUpDays() {
        await forgetOld(() => ctx(patient), config)
        const now = new Date()
        await rollUpDays(ctx(patient), { from: new Date(now.getTime() - rollUpDaysBack * 86_400_000), to: now })
        await removeUnusedPackages({ db, store: config.packages, now })
      },
    },
    crontab: {
      runSchedules: '* * * * *',
      reconcileRuns: '* * * * *',
      discoverAgents: '*/10 * * * *',
      rollUpDays: '17 * * * *',
      warnOfExpiry: '23 * * * *',
      remindOfScopes: '*/5 * * * *',
      watchReviews: '*/5 * * * *',
    },
    onPool: (id) => (poolId = id),
    onJob: ({ job, ok, seconds }) => jobSeconds.observe({ job, outcome: ok ? 'ok' : 'error' }, seconds),
  })
  const deadPools = releaseDeadPools({ databaseUrl: config.databaseUrl, poolId: () => poolId, log })
  followers.start()

  const health = await startHealthServer({ host: config.host, port: config.port, registry, problems })
  log.info({ instance, port: health.port, simulated: deps.simulated }, 'worker ready')

  void queue.ended.finally(() => (queueEnded = true)).catch(() => {})
  onShutdown({
    graceMs: config.graceMs,
    log,
    async stop() {
      await queue.drain()
      await followers.stop()
      await Promise.all([...Object.values(loops), deadPools].map((each) => each.stop()))
      await Promise.all([dispatcher.stop(), postman.stop()])
      mailer?.close()
      await Promise.all([listener.stop(), health.stop(), sender.close()])
      await locks.stop()
      // Who notices that it is not there any more does without being told.
      await endProcessBeat(ctx(prompt), living).catch(() => {})
      await Promise.all([db, prompt, patient].map((each) => each.$disconnect()))
    },
    abort: queue.abort,
  })

  /** Runs that an order covers are marked and interrupted here too, should order and launch have missed each other. */
  async function obeyStops(): Promise<void> {
    const orders = await enforceStops(ctx(prompt))
    for (const { orderId, runs } of orders) {
      if (acknowledged.has(orderId)) continue
      await acknowledgeStop(ctx(prompt), { orderId, process: 'worker', instance, detail: { runsMarked: runs } })
      acknowledged.add(orderId)
      stopsAcknowledged.inc()
    }
  }

  /** A part of the log and what is due, again and again while there is any: each part is small, so that a stop need not wait. */
  async function tellWebhooks(): Promise<void> {
    const seen = await collectWebhookDeliveries(ctx())
    const begun = await dispatcher.round()
    if (seen > 0 || begun > 0) webhooks.nudge()
  }

  function problems(): string[] {
    const last = followers.lastRoundAt()
    const found = lateLoops(loops)
    if (queueEnded) found.push('the queue has ended')
    if (!last || Date.now() - last.getTime() > 10_000) found.push('open runs have not been looked at for 10 s')
    return found
  }
}
