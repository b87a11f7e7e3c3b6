import { type ClaudeServerConfig, parseClaudeServerConfig } from '#lib/config/claude.ts'
import { ConfigError } from '#lib/config/shared.ts'
import { createDb } from '#lib/db/client.ts'
import { createKeyring, proveKeyring } from '#lib/keys/commands.ts'
import { createLog } from '#lib/log/log.ts'
import { becomeLeader } from './leader.ts'
import { createEmbeddedServer } from './server.ts'

// The embedded Claude server: the Managed Agents API on our own PostgreSQL, for installations without Anthropic's.
try {
  await run(parseClaudeServerConfig())
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`)
  process.exit(1)
}

async function run(config: ClaudeServerConfig): Promise<void> {
  const log = createLog({ process: 'claude', level: config.logLevel })
  const db = createDb(config.databaseUrl)
  const secretBox = createKeyring(config.keys, db)
  await proveKeyring(secretBox)
  const server = createEmbeddedServer({ ...config, db, log, secretBox })
  let starting: Promise<void> | null = null
  let asked = 0

  async function stop(): Promise<void> {
    // It answers before it has gone on with every session; asked to stop in between, it first finishes starting. Why that failed, if it did, is
    // said below. Ending the process ends the leader's connection too, and with it the lock.
    if (starting && (await succeeded(starting))) await server.stop(config.graceMs)
    await db.$disconnect()
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      asked += 1
      if (asked > 1) process.exit(1)
      log.info({ signal }, 'stopping')
      stop().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, 'did not stop cleanly')
          process.exit(1)
        },
      )
    })
  }

  await becomeLeader({
    databaseUrl: config.databaseUrl,
    log,
    onLost: () => {
      log.fatal('the leader lock is lost, so another process may run the sessions: stopping')
      process.exit(1)
    },
  })
  starting = server.start()
  await starting
  log.info({ url: server.url, simulatedModel: config.model.simulated }, 'embedded Claude server ready')
}

async function succeeded(work: Promise<void>): Promise<boolean> {
  return await work.then(
    () => true,
    () => false,
  )
}
