import { ConfigError } from '#lib/config/shared.ts'
import { parseBrokerConfig } from '#lib/config/broker.ts'
import { createDb } from '#lib/db/client.ts'
import { loadPolicySet } from '#lib/guardrails/queries.ts'
import { createLog } from '#lib/log/log.ts'
import { Broker } from './broker.ts'

const config = readConfig()
const log = createLog({ process: 'broker', level: config.logLevel })
const db = createDb(config.databaseUrl, { poolSize: 3 })
const broker = new Broker({ config, db, log, policies: await loadPolicySet() })

let stopping = false
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, shutDown)

await broker.start()
log.info({ url: config.brokerUrl, host: config.host, port: config.port }, 'broker listens')

/** The first signal lets calls end for as long as `graceMs`; the second, or the end of that time, ends them. */
function shutDown(): void {
  if (stopping) return broker.abort()
  stopping = true
  const ending = setTimeout(() => broker.abort(), config.graceMs)
  // Whatever still holds on then is cut off.
  const last = setTimeout(() => process.exit(1), config.graceMs + 5000)
  broker
    .stop()
    .then(() => db.$disconnect())
    .then(
      () => {
        clearTimeout(ending)
        clearTimeout(last)
        log.info('broker stopped')
        process.exit(0)
      },
      (error: unknown) => {
        log.error({ err: error }, 'broker did not stop cleanly')
        process.exit(1)
      },
    )
}

function readConfig() {
  try {
    return parseBrokerConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}
