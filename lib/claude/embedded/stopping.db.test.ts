import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { createDb } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { createLog } from '#lib/log/log.ts'
import { createEmbeddedServer } from './server.ts'
import { clientFor, keys } from './testing/world.ts'

dbTest(
  'a stop while workers wait for work is clean: nothing fails, and nothing is logged as failed',
  async ({ databaseUrl }) => {
    const lines: string[] = []
    const log = createLog({ process: 'claude-test', level: 'warn', destination: { write: (line) => lines.push(line) } })
    for (const pause of [5, 40, 120]) {
      const db = createDb(databaseUrl)
      const model = { url: 'http://127.0.0.1:1', apiKey: 'simulated', simulated: true }
      const server = createEmbeddedServer({ db, log, host: '127.0.0.1', port: 0, ...keys, model })
      await server.start()
      const client = clientFor(server.url, keys.environmentKey)
      const polls = Array.from({ length: 4 }, () =>
        client.beta.environments.work.poll('env_wheelhouse', { block_ms: 999 }).catch(() => null),
      )
      await sleep(pause)
      await server.stop(100)
      await db.$disconnect()
      await Promise.all(polls)
    }
    await sleep(300)
    expect(lines).toEqual([])
  },
)
