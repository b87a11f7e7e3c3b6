import { join } from 'node:path'
import { parseSandboxConfig } from '#lib/config/sandbox.ts'
import { ConfigError } from '#lib/config/shared.ts'
import { DomainError } from '#lib/core/errors.ts'
import { createDb } from '#lib/db/client.ts'
import { createLog } from '#lib/log/log.ts'
import { createBwrapDriver } from './bwrap/driver.ts'
import { ownFolder } from './ownership.ts'
import { startSandboxService } from './service.ts'

try {
  const config = parseSandboxConfig()
  const log = createLog({ process: 'sandbox', level: config.logLevel })
  const db = createDb(config.databaseUrl, { poolSize: 4, answerMs: 15_000 })
  const folder = join(config.home, 'sandbox')
  const owner = await ownFolder(folder)
  const driver = createBwrapDriver({
    folder,
    ...(config.cgroup ? { cgroup: config.cgroup } : {}),
  })
  const service = await startSandboxService({ config, driver, db, log })
  log.info({ port: service.port }, 'sandbox service is running')

  let stopping: Promise<void> | null = null
  const end = async (work: () => Promise<void>): Promise<never> => {
    try {
      await work()
      await db.$disconnect()
      await owner.release()
      process.exit(0)
    } catch (error) {
      log.error({ err: error }, 'did not stop cleanly')
      process.exit(1)
    }
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    log.info({ signal, again: stopping !== null }, 'stopping')
    stopping = stopping ? end(service.abort) : end(service.stop)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
} catch (error) {
  const isKnown = error instanceof ConfigError || error instanceof DomainError
  process.stderr.write(`${isKnown ? error.message : String(error instanceof Error ? error.stack : error)}\n`)
  process.exit(1)
}
