import { parseModelConfig } from '#lib/config/claude.ts'
import { ConfigError } from '#lib/config/shared.ts'
import { createLog } from '#lib/log/log.ts'
import { loadScripts } from './model/scripts.ts'
import { createModelServer } from './model/server.ts'

// The scripted model: answers the Messages API from the golden templates' scripts. Only used without ANTHROPIC_API_KEY.
try {
  const config = parseModelConfig()
  const log = createLog({ process: 'model', level: config.logLevel })
  const server = createModelServer({ scriptOf: await loadScripts(log), log })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: config.host, port: config.port }, resolve)
  })
  log.info({ host: config.host, port: config.port }, 'simulated model ready')

  let asked = 0
  const onSignal = (): void => {
    asked += 1
    if (asked > 1) process.exit(1)
    server.close(() => process.exit(0))
    server.closeIdleConnections()
    setTimeout(() => process.exit(0), config.graceMs).unref()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`)
  process.exit(1)
}
