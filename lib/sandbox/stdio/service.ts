import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { SandboxConfig } from '#lib/config/sandbox.ts'
import { probeOwner } from '#lib/core/stdio-ticket.ts'
import type { Db } from '#lib/db/client.ts'
import type { Log } from '#lib/log/log.ts'
import type { Probe, SandboxDriver } from '../driver.ts'
import type { SandboxMetrics } from '../metrics.ts'
import type { StopWatch } from '../stop-watch.ts'
import { unheldLimits } from '../unheld-limits.ts'
import { StdioGateway } from './gateway.ts'
import { StdioHost } from './host.ts'
import { type StdioLimits, standardLimits } from './limits.ts'
import { createStdioMetrics } from './metrics.ts'
import { Packages } from './packages.ts'
import { SpoolSpace } from './spool.ts'
import { ProcessStatus } from './status.ts'

export type StdioService = {
  readonly host: StdioHost
  /** Why no server is hosted here; null: they are. */
  readonly problem: string | null
  answer(request: IncomingMessage, response: ServerResponse): void
  start(): Promise<void>
  stop(): Promise<void>
}

/** Servers over stdio in sandboxes: put together here, begun by `start`; their processes are ended through `host`. */
export function createStdioService(options: {
  config: SandboxConfig
  driver: SandboxDriver
  probe: Probe
  db: Db
  instance: string
  watch: Pick<StopWatch, 'fresh' | 'read'>
  metrics: SandboxMetrics
  log: Log
  limits?: Partial<StdioLimits>
}): StdioService {
  const { config, driver, probe, db, instance, watch, log } = options
  const limits = { ...standardLimits, ...options.limits }
  const problem = stdioProblem(config, probe)
  const metrics = createStdioMetrics(options.metrics.registry, () => host.facts.map(({ state }) => state))
  const status = new ProcessStatus({
    db,
    instance,
    log,
    processes: () => host.processes.filter(({ owner }) => owner !== probeOwner.key),
  })
  const packages = new Packages({ db, store: config.packages, log })
  const host: StdioHost = new StdioHost({
    driver,
    limits,
    spools: new SpoolSpace({ folder: join(config.home, 'sandbox', 'spool'), bytesMax: limits.spoolBytesMax }),
    programsFolder: join(config.home, 'stdio'),
    packages,
    watch,
    problem,
    log,
    onState: (facts) => {
      // Who looks at a program before it is registered hears of it from its probe.
      if (facts.owner !== probeOwner.key) status.changed(facts)
      const { serverId, owner, state, restarts, lastError, stderr } = facts
      const isFailure = state === 'backing_off' || state === 'crash_loop'
      const about = { server: serverId, owner, state, restarts }
      if (isFailure) log.warn({ ...about, lastError, stderr: stderr.slice(-3) }, 'a process of a server failed')
      else log.info(about, 'a process of a server')
    },
    onStarted: metrics.started,
    onEnded(reason, report) {
      metrics.ended(reason, report)
      if (report.id) options.metrics.ended(`stdio_${reason}`, report)
      if (report.survivors.length) log.error(report, 'processes of a sandbox are still there')
    },
  })
  const gateway = new StdioGateway({
    ticketKey: config.stdioKey ?? null,
    limits,
    log,
    find: (ticket) => host.find(ticket),
    isForListing: (ticket) => host.isForListing(ticket),
    lastWordsOf: (ticket) => host.lastWordsOf(ticket),
    deadlineOf: (ticket) => host.deadlineOf(ticket),
    onAnswered: metrics.answered,
  })
  return {
    host,
    problem,
    answer(request, response) {
      gateway.answer(request, response).catch((error: unknown) => {
        log.error({ err: error }, 'a request to a server failed')
        response.destroy()
      })
    },
    async start() {
      await status.start()
      packages.start()
    },
    async stop() {
      await Promise.all([status.stop(), packages.stop()])
    },
  }
}

/** Why no server over stdio may run here: a program is never run without all of its isolation. Null: they may. */
export function stdioProblem(
  config: Pick<SandboxConfig, 'stdioKey' | 'strict'>,
  probe: Pick<Probe, 'ownHostUser' | 'enforces'>,
): string | null {
  if (config.stdioKey === undefined) {
    return 'servers over stdio are off: set WHEELHOUSE_STDIO_KEY for the broker and the sandbox service'
  }
  if (!probe.ownHostUser) {
    return 'servers over stdio need a host user of their own: run the sandbox service as root'
  }
  const unheld = config.strict ? unheldLimits(probe.enforces) : []
  return unheld.length ? `this host cannot hold the limits of servers over stdio: ${unheld.join(', ')}` : null
}
