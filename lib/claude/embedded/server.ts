import type { Server } from 'node:http'
import { embeddedEnvironment } from '#lib/config/claude.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import type { Log } from '#lib/log/log.ts'
import { agentRoutes } from './agents/routes.ts'
import { environmentRoutes } from './environments/routes.ts'
import { seedEnvironment } from './environments/store.ts'
import { createEventBus } from './events/bus.ts'
import { createJournal } from './events/journal.ts'
import { eventRoutes } from './events/routes.ts'
import { createHttpServer } from './http/server.ts'
import { type LoopLimits, standardLimits } from './loop/deps.ts'
import { createModel } from './loop/model.ts'
import { createSupervisor } from './loop/supervisor.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { vaultRoutes } from './vaults/routes.ts'
import { workRoutes } from './work/routes.ts'

export type EmbeddedServerOptions = {
  db: Db
  host: string
  /** 0 takes a free one; see `address`. */
  port: number
  apiKey: string
  environmentKey: string
  secretBox: SecretBox
  model: { url: string; apiKey: string; simulated: boolean }
  log: Log
  limits?: Partial<LoopLimits>
  now?: () => Date
}

export type EmbeddedServer = {
  /** Listens, then goes on with every session that was left unfinished. */
  start(): Promise<void>
  /** Takes no request and no step any more, lets those in progress finish for so long, then ends them. Nothing uses the database after it. */
  stop(graceMs: number): Promise<void>
  /** Ends at once and writes nothing any more, as a crash would. */
  abort(): Promise<void>
  /** Where it listens, once started. */
  readonly url: string
}

/** One model request may take this long, and may answer with so many tokens. */
const modelDeadlineMs = 600_000
const modelTokensMax = 16_000

/** The Managed Agents API on PostgreSQL. Only one may run on a database at a time: main.ts sees to it. */
export function createEmbeddedServer(options: EmbeddedServerOptions): EmbeddedServer {
  const { db, log } = options
  const now = options.now ?? (() => new Date())
  let dead = false
  const bus = createEventBus()
  const journal = createJournal({ db, bus, now, dead: () => dead })
  const vaults = { db, box: options.secretBox }
  const supervisor = createSupervisor({
    db,
    journal,
    bus,
    vaults,
    now,
    log,
    limits: { ...standardLimits, ...options.limits },
    model: createModel({
      baseUrl: options.model.url,
      apiKey: options.model.apiKey,
      deadlineMs: modelDeadlineMs,
      maxTokens: modelTokensMax,
    }),
  })
  const { server: http, settled } = createHttpServer({
    db,
    log,
    now,
    keys: { apiKey: options.apiKey, environmentKey: options.environmentKey },
    simulated: options.model.simulated,
    routes: [
      ...agentRoutes(db),
      ...environmentRoutes(db),
      ...vaultRoutes(vaults),
      ...sessionRoutes({ db, journal, supervisor }),
      ...eventRoutes({ db, bus, journal, supervisor }),
      ...workRoutes({
        db,
        now,
        environmentKey: options.environmentKey,
        onWorkerStop: (id) =>
          void supervisor.reassign(id).catch((error: unknown) => log.error({ err: error }, 'reassign failed')),
      }),
    ],
  })

  return {
    async start() {
      await seedEnvironment(db, embeddedEnvironment, now())
      await listen(http, options)
      await supervisor.start()
    },
    async stop(graceMs) {
      const closed = close(http)
      await supervisor.stop(graceMs)
      http.closeAllConnections()
      await closed
      await settled()
    },
    async abort() {
      dead = true
      supervisor.abort()
      const closed = close(http)
      http.closeAllConnections()
      await closed
    },
    get url() {
      const address = http.address()
      if (address === null || typeof address === 'string') throw new Error('the server does not listen')
      return `http://${options.host}:${address.port}`
    },
  }
}

async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()))
}
