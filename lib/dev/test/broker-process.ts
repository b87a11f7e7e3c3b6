import { brokerNodeArguments } from '#lib/config/broker.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, portalUrl } from '#lib/dev/test/broker.ts'
import { type Child, startChild } from '#lib/dev/test/child.ts'

const collecting = ['--expose-gc', `--import=${new URL('collect-garbage.ts', import.meta.url).href}`]

export type BrokerProcess = Child & { url: string }

/** A broker as it runs in production: a process of its own, which can be killed. Ready when it says so. */
export async function startBrokerProcess(options: {
  databaseUrl: string
  port?: number
  /** Where agents reach it; tokens are bound to it. Left out: its own address. */
  brokerUrl?: string
  env?: Record<string, string>
  /** Where its memory is looked at: as soon as there is some, also on a busy machine. */
  collectsGarbage?: boolean
}): Promise<BrokerProcess> {
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  const child = await startChild({
    entry: 'lib/broker/main.ts',
    nodeArguments: [...brokerNodeArguments, ...(options.collectsGarbage ? collecting : [])],
    env: {
      DATABASE_URL: options.databaseUrl,
      WHEELHOUSE_BROKER_PORT: String(port),
      WHEELHOUSE_BROKER_URL: options.brokerUrl ?? url,
      WHEELHOUSE_URL: portalUrl,
      WHEELHOUSE_ENCRYPTION_KEY: encryptionKey,
      WHEELHOUSE_LOG_LEVEL: 'warn',
      WHEELHOUSE_AGENT_CALLS_PER_SECOND: '0',
      WHEELHOUSE_SERVER_CALLS_PER_SECOND: '0',
      ...options.env,
    },
    ready: async () => (await fetch(`${url}/readyz`)).ok,
  })
  return { ...child, url }
}
