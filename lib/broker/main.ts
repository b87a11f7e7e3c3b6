import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError } from '#lib/config/shared.ts'
import { parseBrokerConfig } from '#lib/config/broker.ts'
import { createDb } from '#lib/db/client.ts'
import { isDatabaseUnavailable } from '#lib/db/unavailable.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import { syncPolicySets } from '#lib/guardrails/commands.ts'
import { createKeyring, proveKeyring } from '#lib/keys/commands.ts'
import { createLog } from '#lib/log/log.ts'
import { Broker } from './broker.ts'

const config = readConfig()
const log = createLog({ process: 'broker', level: config.logLevel })
// Nothing here takes as long: what does not answer by then is a database that has stopped.
const db = createDb(config.databaseUrl, { poolSize: 3, answerMs: 15_000 })
// Loaded only when it is used: without a collector tracing costs nothing, not even memory.
const tracing = config.tracing
  ? (await import('./telemetry/tracing.ts')).startTracing({
      ...config.tracing,
      instance: `${hostname()}:${config.port}`,
    })
  : null
const keyring = await readKeyring()
const broker = new Broker({ config, db, log, keyring, tracer: tracing })

let stopping = false
// What ends the process unforeseen ends it all the same.
process.on('uncaughtExceptionMonitor', (error) => {
  log.fatal({ err: error }, 'the broker ends for an error that nobody expected')
  broker.logUnrecorded()
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, shutDown)

// An installation that runs its processes itself gets the central policies of the release with its first broker. Without a database it refuses anyway.
void syncUntilDone()
await broker.start()
log.info({ url: config.brokerUrl, host: config.host, port: config.port }, 'broker listens')

/** A database that is late must not leave an installation without policies. */
async function syncUntilDone(): Promise<void> {
  try {
    await syncPolicySets({ db, actor: systemActor('broker'), now: new Date() })
  } catch (error) {
    log.warn({ err: error }, 'the policies of this release could not be looked at; tried again in some seconds')
    await sleep(5000, undefined, { ref: false })
    if (!stopping) await syncUntilDone()
  }
}

/**
 * The first signal lets calls end; the second, or most of `graceMs`, ends them, so that each is still recorded and answered before whoever
 * sent the signal loses patience.
 */
function shutDown(): void {
  if (stopping) return broker.abort()
  stopping = true
  const ending = setTimeout(() => broker.abort(), config.graceMs * 0.8)
  // Whatever still holds on then is cut off.
  const last = setTimeout(() => {
    log.error('broker did not stop in time')
    broker.logUnrecorded()
    process.exit(1)
  }, config.graceMs + 5000)
  broker
    .stop({ noticeMs: Math.min(1000, config.graceMs / 10) })
    // A collector that does not answer must not keep the broker from ending well.
    .then(() => Promise.all([db.$disconnect(), tracing?.stop().catch(() => {})]))
    .then(
      () => {
        clearTimeout(ending)
        clearTimeout(last)
        log.info('broker stopped')
        process.exit(0)
      },
      (error: unknown) => {
        log.error({ err: error }, 'broker did not stop cleanly')
        broker.logUnrecorded()
        process.exit(1)
      },
    )
}

function readConfig() {
  try {
    return parseBrokerConfig()
  } catch (error) {
    return refuseToStart(error)
  }
}

async function readKeyring() {
  const keyring = createKeyring(config.keys, db)
  for (;;) {
    try {
      await proveKeyring(keyring)
      return keyring
    } catch (error) {
      if (!isDatabaseUnavailable(error)) return refuseToStart(error)
      log.warn({ err: error }, 'the database cannot be reached: the broker starts when it can')
      await sleep(1000)
    }
  }
}

function refuseToStart(error: unknown): never {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
