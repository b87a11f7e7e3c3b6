import { join } from 'node:path'
import { parseDemoConfig } from '#lib/config/demo.ts'
import { ConfigError } from '#lib/config/shared.ts'
import { createLog } from '#lib/log/log.ts'
import { startDemo } from './start-demo.ts'

try {
  const config = parseDemoConfig()
  const log = createLog({ process: 'demo', level: config.logLevel })
  const demo = await startDemo({ ...config, folder: join(config.home, 'demo'), log, now: () => new Date() })
  log.info({ ports: demo.ports }, 'demo MCP servers are listening')

  let stopping = false
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1)
    stopping = true
    log.info({ signal }, 'stopping')
    setTimeout(() => process.exit(1), config.graceMs).unref()
    demo.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'did not stop cleanly')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : error)
  process.exitCode = 1
}
