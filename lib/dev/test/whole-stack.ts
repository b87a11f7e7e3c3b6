import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { freePort, freePorts } from '#lib/dev/ports.ts'
import { seedServers } from '#lib/dev/seed/servers.ts'
import { seedPriceBook } from '#lib/metrics/commands.ts'
import { syncTemplates } from '#lib/templates/commands.ts'
import { type Child, startChild } from './child.ts'
import { ctxFor } from './fleet.ts'

/** Every process of an installation but the portal, as `npm start` would start them, with the demo servers and the golden templates. */
export type WholeStack = { env: Record<string, string>; output(): string; stop(): Promise<void> }

const entries = {
  WHEELHOUSE_MODEL_PORT: 'lib/claude/embedded/model-main.ts',
  WHEELHOUSE_CLAUDE_PORT: 'lib/claude/embedded/main.ts',
  WHEELHOUSE_DEMO_PORT: 'lib/dev/demo/main.ts',
  WHEELHOUSE_BROKER_PORT: 'lib/broker/main.ts',
  WHEELHOUSE_SANDBOX_PORT: 'lib/sandbox/main.ts',
  WHEELHOUSE_WORKER_PORT: 'lib/jobs/main.ts',
} as const

export async function startWholeStack(options: { db: Db; databaseUrl: string }): Promise<WholeStack> {
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-whole-'))
  const ports = Object.fromEntries(
    await Promise.all(Object.keys(entries).map(async (name) => [name, String(await freePortFor(name))])),
  ) as Record<keyof typeof entries, string>
  const env: Record<string, string> = {
    ...ports,
    DATABASE_URL: options.databaseUrl,
    WHEELHOUSE_HOME: home,
    WHEELHOUSE_HOST: '127.0.0.1',
    WHEELHOUSE_URL: 'http://localhost:3999',
    WHEELHOUSE_BROKER_URL: `http://127.0.0.1:${ports.WHEELHOUSE_BROKER_PORT}`,
    WHEELHOUSE_CLAUDE_KEY: randomBytes(16).toString('hex'),
    WHEELHOUSE_ENVIRONMENT_KEY: randomBytes(16).toString('hex'),
    WHEELHOUSE_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    WHEELHOUSE_DEMO_TOKEN: randomBytes(16).toString('hex'),
    WHEELHOUSE_GRACE_MS: '5000',
    WHEELHOUSE_LOG_LEVEL: 'info',
  }
  const ctx = ctxFor(options.db)
  await seedPriceBook(ctx)
  await syncTemplates(ctx, { folder: join(import.meta.dirname, '../../../templates') })
  await seedServers(ctx, {
    host: '127.0.0.1',
    port: Number(ports.WHEELHOUSE_DEMO_PORT),
    token: env['WHEELHOUSE_DEMO_TOKEN'] ?? '',
    secretBox: createSecretBox(env['WHEELHOUSE_ENCRYPTION_KEY'] ?? ''),
  })
  const children: Child[] = []
  async function stop(): Promise<void> {
    for (const child of children.toReversed()) await child.stop()
    await rm(home, { recursive: true, force: true })
  }
  try {
    for (const [name, entry] of Object.entries(entries) as [keyof typeof entries, string][]) {
      const answers = async (path: string) => (await fetch(`http://127.0.0.1:${ports[name]}${path}`)).status < 500
      children.push(await startChild({ entry, env, ready: () => answers('/readyz') }))
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { env, output: () => children.map((child) => child.output()).join('\n'), stop }
}

/** The demo servers take six ports in a row. */
async function freePortFor(name: string): Promise<number> {
  if (name !== 'WHEELHOUSE_DEMO_PORT') return await freePort()
  const [first = 0] = await freePorts([6])
  return first
}
