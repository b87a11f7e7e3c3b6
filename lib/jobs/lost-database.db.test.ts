import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent } from '#lib/dev/test/fleet.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { startWorkerProcess } from '#lib/dev/test/worker-process.ts'
import { orderStop } from '#lib/killswitch/commands.ts'

dbTest(
  'a worker whose database was lost without a word obeys stop orders again, without being started anew',
  { timeout: 240_000 },
  async ({ db, databaseUrl }) => {
    const proxy = await startTcpProxy(databaseUrl)
    const worker = await startWorkerProcess({
      DATABASE_URL: proxy.url,
      WHEELHOUSE_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    })
    try {
      const { id } = await makeAgent(db)
      proxy.lose()
      await orderStop(ctxFor(db), { scope: 'agent', targetId: id, reason: 'It goes on and on.' })
      const acknowledged = () => db.stopAck.count({ where: { process: 'worker' } })
      await expect.poll(acknowledged, { timeout: 120_000, interval: 200 }).toBe(1)
    } finally {
      await worker.kill()
      await proxy.stop()
    }
  },
)
