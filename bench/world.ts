import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDb, type Db } from '#lib/db/client.ts'
import { migrate } from '#lib/db/migrate.ts'
import { freePort } from '#lib/dev/ports.ts'
import { ensureDatabase, startPostgres } from '#lib/dev/postgres/server.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'

export type World = {
  upstreamUrl: string
  brokerUrl: string
  token: string
  pids: { broker: number; postgres: number }
  stop(): Promise<void>
}

/** A durable PostgreSQL (fsync on), a broker process, an upstream process and one agent that may read from it. */
export async function startWorld(): Promise<World> {
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
  const upstream = fork(join(import.meta.dirname, 'upstream.ts'), { execArgv: [] })
  const [upstreamPort] = (await once(upstream, 'message')) as [number]
  const upstreamUrl = `http://127.0.0.1:${upstreamPort}/mcp`
  const db = createDb(databaseUrl)
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'bench', name: 'Bench', url: upstreamUrl, ...rest } })
  const agent = await makeAgent(db)
  await db.grant.create({
    data: { agentId: agent.agentId, serverId: 'bench', class: 'read', reason: 'bench', via: 'request' },
  })
  const port = await freePort()
  const brokerUrl = `http://127.0.0.1:${port}`
  const broker = startBroker({ port, databaseUrl })
  await untilToolsKnown(db)
  const token = await sessionToken(db, brokerUrl, agent)
  return {
    upstreamUrl,
    brokerUrl,
    token,
    pids: { broker: broker.pid!, postgres: postgres.process.pid! },
    async stop() {
      await db.$disconnect()
      await Promise.all([ended(broker), ended(upstream)])
      await postgres.stop()
      await rm(postgres.folder, { recursive: true, force: true })
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function startBroker({ port, databaseUrl }: { port: number; databaseUrl: string }): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, '../lib/broker/main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
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
  for (let waited = 0; (await db.mcpTool.count()) === 0; waited += 50) {
    if (waited > 20_000) throw new Error('The broker did not find the tools of the upstream.')
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
