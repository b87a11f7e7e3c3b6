import { parseClaudeServerConfig } from '#lib/config/claude.ts'
import { ConfigError } from '#lib/config/shared.ts'
import { createDb } from '#lib/db/client.ts'
import { createLog } from '#lib/log/log.ts'
import { becomeLeader } from './leader.ts'
import { createEmbeddedServer } from './server.ts'

// The embedded Claude server: the Managed Agents API on our own PostgreSQL, for installations without Anthropic's.
try {
  const config = parseClaudeServerConfig()
  const log = createLog({ process: 'claude', level: config.logLevel })
  const leadership = await becomeLeader({
    databaseUrl: config.databaseUrl,
    log,
    onLost: () => {
      log.fatal('the leader lock is lost, so another process may run the sessions: stopping')
      process.exit(1)
    },
  })
  const db = createDb(config.databaseUrl)
  const server = createEmbeddedServer({ ...config, db, log })
  await server.start()
  log.info({ url: server.url, simulatedModel: config.model.simulated }, 'embedded Claude server ready')

  let asked = 0
  const onSignal = (signal: string): void => {
    asked += 1
    if (asked > 1) process.exit(1)
    log.info({ signal }, 'stopping')
    void (async () => {
      await server.stop(config.graceMs)
      await db.$disconnect()
      await leadership.release()
    })().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => onSignal('SIGTERM'))
  process.on('SIGINT', () => onSignal('SIGINT'))
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`)
  process.exit(1)
}
