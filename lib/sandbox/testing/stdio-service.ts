import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@modelcontextprotocol/client'
import { parseSandboxConfig } from '#lib/config/sandbox.ts'
import type { Db } from '#lib/db/client.ts'
import { installStdioServer, stdioKey } from '#lib/dev/test/stdio-servers.ts'
import { createLog } from '#lib/log/log.ts'
import { createBwrapDriver } from '../bwrap/driver.ts'
import { startSandboxService } from '../service.ts'
import { leftovers } from './test-driver.ts'

type Options = {
  db: Db
  databaseUrl: string
  /** Whose programs are installed. */
  servers: readonly string[]
  limits: NonNullable<Parameters<typeof startSandboxService>[0]['stdioLimits']>
  logLevel?: string
}

/** A sandbox service that runs servers over stdio and serves no sessions. `stop` closes the clients put into `clients`, and rejects when something of it is left behind. */
export async function startStdioService({ db, databaseUrl, servers, limits, logLevel = 'silent' }: Options) {
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-stdio-'))
  const driver = createBwrapDriver({ folder: join(home, 'sandbox') })
  const values = {
    DATABASE_URL: databaseUrl,
    WHEELHOUSE_ENVIRONMENT_KEY: 'k'.repeat(32),
    WHEELHOUSE_STDIO_KEY: stdioKey,
    // Nobody is there.
    WHEELHOUSE_CLAUDE_PORT: '1',
  }
  for (const id of servers) await installStdioServer(home, id)
  const service = await startSandboxService({
    config: { ...parseSandboxConfig(values), home, port: 0 },
    driver,
    db,
    log: createLog({ process: 'sandbox-test', level: logLevel }),
    stdioLimits: limits,
  })
  const clients: Client[] = []
  return {
    url: `http://127.0.0.1:${service.port}`,
    driver,
    clients,
    async stop() {
      for (const client of clients) await client.close().catch(() => {})
      await service.abort()
      const left = await leftovers(driver, home)
      await rm(home, { recursive: true, force: true })
      if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`)
    },
  }
}
