import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { brokerNodeArguments } from '#lib/config/broker.ts'
import { createDb, type Db } from '#lib/db/client.ts'
import { migrate } from '#lib/db/migrate.ts'
import { freePort } from '#lib/dev/ports.ts'
import { ensureDatabase, startPostgres } from '#lib/dev/postgres/server.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken, type TestAgent } from '#lib/dev/test/broker.ts'

export type BenchAgent = TestAgent & { token: string }

export type OtherBroker = { url: string; pid: number; token(): Promise<string> }

export type World = {
  upstreamUrl: string
  proxyUrl: string
  brokerUrl: string
  /** The broker of another checkout, beside this one on the same database. */
  other: OtherBroker | null
  /** A fresh token of the one agent that compares. */
  token(): Promise<string>
  /** So many more agents, of all tiers. */
  agents(count: number): Promise<BenchAgent[]>
  renew(agent: BenchAgent): Promise<void>
  pids: { broker: number; postgres: number }
  stop(): Promise<void>
}

const tiers = ['low', 'medium', 'high'] as const
const servers = { bench: '/mcp', 'bench-sessions': '/sessions' }

/**
 * A durable PostgreSQL (fsync on), a broker process, an upstream process, a bare proxy process, and agents that may read and write.
 * @param against the folder of another checkout, whose broker is started as well; it must get along with this one's database
 */
export async function startWorld({ against }: { against?: string | undefined } = {}): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-bench-'))
  const postgres = await startPostgres({
    folder,
    port: await freePort(),
    password: 'bench',
    durable: true,
    onOutput: () => {},
  })
  await ensureDatabase(postgres, 'wheelhouse')
  const databaseUrl = postgres.url('wheelhouse')
  await migrate({ databaseUrl })
  const upstream = await startProgram('upstream.ts')
  const proxy = await startProgram('proxy.ts', upstream.url)
  const db = createDb(databaseUrl)
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, path] of Object.entries(servers)) {
    await db.mcpServer.create({ data: { id, name: id, url: upstream.url + path, ...rest } })
  }
  const agent = await grantedAgent(db)
  const port = await freePort()
  const brokerUrl = `http://127.0.0.1:${port}`
  const broker = startBroker({ port, databaseUrl })
  const other = against === undefined ? null : await startOther(against)
  await untilToolsKnown(db)
  return {
    upstreamUrl: upstream.url,
    proxyUrl: proxy.url,
    brokerUrl,
    other: other && {
      url: other.url,
      pid: other.process.pid!,
      token: () => sessionToken(db, other.url, agent),
    },
    token: () => sessionToken(db, brokerUrl, agent),
    async agents(count) {
      const made: BenchAgent[] = []
      for (let at = 0; at < count; at += 1) {
        const each = await grantedAgent(db, tiers[at % tiers.length])
        made.push({ ...each, token: await sessionToken(db, brokerUrl, each) })
      }
      await sleep(1500)
      return made
    },
    async renew(each) {
      each.token = await sessionToken(db, brokerUrl, each)
    },
    pids: { broker: broker.pid!, postgres: postgres.process.pid! },
    async stop() {
      await db.$disconnect()
      const started = [broker, proxy.process, upstream.process, ...(other ? [other.process] : [])]
      await Promise.all(started.map(ended))
      await postgres.stop()
      await rm(postgres.folder, { recursive: true, force: true })
      await rm(folder, { recursive: true, force: true })
    },
  }

  async function startOther(checkout: string): Promise<{ url: string; process: ChildProcess }> {
    const port = await freePort()
    return { url: `http://127.0.0.1:${port}`, process: startBroker({ port, databaseUrl, checkout: resolve(checkout) }) }
  }
}

async function grantedAgent(db: Db, tier: (typeof tiers)[number] = 'medium'): Promise<TestAgent> {
  const agent = await makeAgent(db, { tier })
  const { agentId } = agent
  await db.grant.createMany({
    data: Object.keys(servers).map((serverId) => ({
      agentId,
      serverId,
      class: 'write' as const,
      reason: 'bench',
      via: 'request',
    })),
  })
  return agent
}

async function startProgram(file: string, ...args: string[]): Promise<{ url: string; process: ChildProcess }> {
  const child = fork(join(import.meta.dirname, file), args, { execArgv: [] })
  const [port] = (await once(child, 'message')) as [number]
  return { url: `http://127.0.0.1:${port}`, process: child }
}

/** Arguments of Node for the broker besides those it is started with, such as `--cpu-prof` or `--trace-gc`. */
const moreArguments = (process.env['BENCH_BROKER_ARGUMENTS'] ?? '').split(' ').filter(Boolean)

function startBroker({
  port,
  databaseUrl,
  checkout = join(import.meta.dirname, '..'),
}: {
  port: number
  databaseUrl: string
  checkout?: string
}): ChildProcess {
  return spawn(process.execPath, [...brokerNodeArguments, ...moreArguments, join(checkout, 'lib/broker/main.ts')], {
    // What Node says of itself goes there.
    stdio: ['ignore', moreArguments.length > 0 ? 'inherit' : 'ignore', 'inherit'],
    env: {
      NODE_ENV: 'production',
      DATABASE_URL: databaseUrl,
      WHEELHOUSE_BROKER_PORT: String(port),
      WHEELHOUSE_BROKER_URL: `http://127.0.0.1:${port}`,
      WHEELHOUSE_URL: portalUrl,
      WHEELHOUSE_ENCRYPTION_KEY: encryptionKey,
      WHEELHOUSE_LOG_LEVEL: 'warn',
      WHEELHOUSE_AGENT_CALLS_PER_SECOND: '0',
      WHEELHOUSE_SERVER_CALLS_PER_SECOND: '0',
    },
  })
}

async function untilToolsKnown(db: Db): Promise<void> {
  for (let waited = 0; (await db.mcpTool.count()) < 6; waited += 50) {
    if (waited > 60_000) throw new Error('The broker did not find the tools of the upstream.')
    await sleep(50)
  }
  // One more poll, so that the broker's view has them.
  await sleep(1500)
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
}
