import type { Db } from '#lib/db/client.ts'
import { createLog } from '#lib/log/log.ts'
import { Broker, type BrokerOptions } from '../broker.ts'

export type TestBroker = { broker: Broker; url: string; stop(): Promise<void> }

/** A broker in this process, for tests. */
export async function startBroker(options: {
  db: Db
  databaseUrl: string
  port: number
  /** As agents reach it, when that is not where it listens. */
  brokerUrl?: string
  portalUrl: string
  encryptionKey: string
  limits?: BrokerOptions['limits']
  now?: () => Date
  tracer?: BrokerOptions['tracer']
  stdio?: BrokerOptions['config']['stdio']
  keyring?: BrokerOptions['keyring']
  metricsToken?: string
}): Promise<TestBroker> {
  const { db, databaseUrl, port, portalUrl, encryptionKey, limits, now, tracer = null, stdio = null, keyring } = options
  const url = `http://127.0.0.1:${port}`
  const config = {
    databaseUrl,
    host: '127.0.0.1',
    port,
    brokerUrl: options.brokerUrl ?? url,
    url: portalUrl,
    demo: true,
    keys: encryptionKey.split(',').map((key) => ({ driver: 'environment' as const, key })),
    stdio,
    allowLinkLocal: false,
    logLevel: 'silent' as const,
    graceMs: 1000,
    limits: {},
    metricsToken: options.metricsToken ?? null,
  }
  const log = createLog({ process: 'broker', level: 'silent' })
  const broker = new Broker({
    config,
    db,
    log,
    tracer,
    ...(limits ? { limits } : {}),
    ...(now ? { now } : {}),
    ...(keyring ? { keyring } : {}),
  })
  await broker.start()
  return { broker, url, stop: () => broker.stop() }
}
