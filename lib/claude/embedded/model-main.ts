import { type ModelConfig, parseModelConfig } from '#lib/config/claude.ts'
import { ConfigError } from '#lib/config/shared.ts'
import { createLog } from '#lib/log/log.ts'
import { loadScripts } from './model/scripts.ts'
import { createModelServer } from './model/server.ts'

// The scripted model: answers the Messages API from the golden templates' scripts. Only used without ANTHROPIC_API_KEY.
try {
  await run(parseModelConfig())
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`)
  process.exit(1)
}

async function run(config: ModelConfig): Promise<void> {
  const log = createLog({ process: 'model', level: config.logLevel })
  const server = createModelServer({ scriptOf: await loadScripts(log), log })
  let asked = 0
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      asked += 1
      if (asked > 1) process.exit(1)
      log.info({ signal }, 'stopping')
      server.close(() => process.exit(0))
      server.closeIdleConnections()
      setTimeout(() => process.exit(0), config.graceMs).unref()
    })
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: config.host, port: config.port }, resolve)
  })
  log.info({ host: config.host, port: config.port }, 'simulated model ready')
}
