import { mkdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Anthropic } from '@anthropic-ai/sdk'
import type { SandboxConfig } from '#lib/config/sandbox.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Db } from '#lib/db/client.ts'
import type { Log } from '#lib/log/log.ts'
import { Acknowledger } from './acknowledge.ts'
import { type Control, startControl } from './control.ts'
import type { Probe, SandboxDriver } from './driver.ts'
import { Housekeeping } from './housekeeping.ts'
import { createMetrics } from './metrics.ts'
import { Sessions } from './sessions.ts'
import { StdioGateway } from './stdio/gateway.ts'
import { isWorkspaceOf } from './stdio/host.ts'
import type { StdioLimits } from './stdio/limits.ts'
import { createStdioService, type StdioService } from './stdio/service.ts'
import { type StopView, StopWatch, viewAgeMsMax } from './stop-watch.ts'
import { unheldLimits } from './unheld-limits.ts'
import { SandboxWorker } from './worker.ts'

export type SandboxService = {
  readonly port: number
  /** Takes nothing new, and resolves when what runs has ended by itself or `graceMs` have passed and it was ended. */
  stop(): Promise<void>
  /** Ends everything now. */
  abort(): Promise<void>
}

const queueAgeMsMax = 30_000

/** Starts the sandbox service; throws when sandboxes cannot be isolated on this host, with what to do about it. */
export async function startSandboxService(options: {
  config: SandboxConfig
  driver: SandboxDriver
  db: Db
  log: Log
  unknownRunMsMax?: number
  stdioLimits?: Partial<StdioLimits>
}): Promise<SandboxService> {
  const { config, driver, db, log, unknownRunMsMax = 10_000, stdioLimits = {} } = options
  const probe = await readyHost(driver, config, log)
  const stagingFolder = join(config.home, 'sandbox', 'staging')
  await rm(stagingFolder, { recursive: true, force: true })
  await mkdir(stagingFolder, { recursive: true, mode: 0o700 })

  // Stable over restarts, so that an order is acknowledged once by each installation on each machine.
  const instance = `${hostname()}/${driver.label}`
  const acknowledger = new Acknowledger({ db, instance, log })
  const metrics = createMetrics({
    sessions: () => sessions.ids.length,
    viewAgeSeconds: () => Math.min(watch.ageMs(), 86_400_000) / 1000,
  })
  const watch: StopWatch = new StopWatch({
    databaseUrl: config.databaseUrl,
    log,
    sessions: () => sessions.ids,
    onView: (view) => void obey(view),
  })
  const sessions: Sessions = new Sessions({
    db,
    driver,
    probe,
    strict: config.strict,
    watch,
    metrics,
    log,
    unknownRunMsMax,
  })
  const stdio: StdioService = createStdioService({
    config,
    driver,
    probe,
    db,
    instance,
    watch,
    metrics,
    log,
    limits: stdioLimits,
  })
  const isKept = (workspace: string): boolean =>
    [...(watch.fresh()?.servers.keys() ?? [])].some((id) => isWorkspaceOf(id, workspace))
  const housekeeping = new Housekeeping({ db, driver, log, busy: () => sessions.ids, isKept })
  const worker = new SandboxWorker({
    client: createQueueClient(config, log),
    environmentKey: config.environmentKey,
    environmentId: config.environmentId,
    instance,
    sessions,
    sessionsMax: config.sessionsMax,
    stagingFolder,
    metrics,
    log,
    onServed: () => void housekeeping.sweep(),
  })

  async function obey(view: StopView): Promise<void> {
    const [ended, servers] = await Promise.all([sessions.enforce(view), stdio.host.enforce(view)])
    const endedFor = (id: string) => ({ sessions: ended.get(id) ?? [], servers: servers.get(id) ?? [] })
    await Promise.all(view.orders.map((order) => acknowledger.acknowledge(order, endedFor(order.id))))
  }

  function problems(): string[] {
    return [
      ...(watch.ageMs() > viewAgeMsMax ? ['The stop orders cannot be read from the database.'] : []),
      ...(worker.queueAgeMs > queueAgeMsMax ? ['The work queue at Claude does not answer.'] : []),
    ]
  }

  const control: Control = await startControl(config, {
    registry: metrics.registry,
    problems,
    facts: () => ({
      instance,
      environmentId: config.environmentId,
      sessions: sessions.ids.length,
      stdio: { problem: stdio.problem, processes: stdio.host.facts.map(({ state }) => state) },
      probe,
    }),
    serve(request, response) {
      const takes = StdioGateway.takes(request.url)
      if (takes) stdio.answer(request, response)
      return takes
    },
  })
  await stdio.start()
  watch.start()
  housekeeping.start()
  worker.start()

  async function finish(): Promise<void> {
    await stdio.stop()
    await housekeeping.stop()
    await watch.stop()
    for (const { id } of await driver.list()) await driver.kill(id)
    await control.stop()
  }

  async function abort(): Promise<void> {
    const drained = worker.drain()
    await Promise.all([sessions.endAll(), stdio.host.endAll({ graceful: false })])
    await drained
    await finish()
  }

  return {
    port: control.port,
    abort,
    async stop() {
      const drained = worker.drain()
      const processes = stdio.host.endAll({ graceful: true })
      const done = new AbortController()
      await Promise.race([drained, sleep(config.graceMs, null, { signal: done.signal }).catch(() => {})])
      done.abort()
      await Promise.all([sessions.endAll(), processes])
      await drained
      await finish()
    },
  }
}

/** Cleans up after a crash, then tries everything that a sandbox needs. */
async function readyHost(driver: SandboxDriver, config: SandboxConfig, log: Log): Promise<Probe> {
  const reaped = await driver.reap().catch((error: unknown) => {
    // What keeps it from reaping keeps it from creating, and the probe says so better.
    log.debug({ err: error }, 'nothing could be reaped')
    return { sandboxes: [], processes: 0 }
  })
  if (reaped.sandboxes.length) log.warn(reaped, 'ended sandboxes that an earlier process left behind')
  const probe = await driver.probe()
  if (probe.problems.length)
    throw new DomainError('unavailable', `Sandboxes cannot be isolated here. ${probe.problems.join(' ')}`)
  const unheld = unheldLimits(probe.enforces)
  const facts = {
    driver: probe.driver,
    version: probe.version,
    enforces: probe.enforces,
    ownHostUser: probe.ownHostUser,
  }
  log.info({ ...facts, startMs: probe.startMs }, 'sandboxes are isolated')
  if (unheld.length)
    log.warn({ unheld, strict: config.strict }, 'some limits of sandbox profiles are not held on this host')
  return probe
}

function createQueueClient(config: SandboxConfig, log: Log): Anthropic {
  const write =
    (level: 'error' | 'warn' | 'debug') =>
    (message: string, ...rest: unknown[]) =>
      log[level]({ sdk: rest.length ? rest : undefined }, message)
  return new Anthropic({
    baseURL: config.claudeUrl,
    apiKey: null,
    authToken: config.environmentKey,
    timeout: 60_000,
    logger: { error: write('error'), warn: write('warn'), info: write('debug'), debug: () => {} },
    logLevel: 'info',
  })
}
