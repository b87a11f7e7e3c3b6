import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { createDb } from './client.ts'

dbTest(
  'a database that answers nothing is waited for no longer than is said, and asked again when it answers',
  async ({ databaseUrl }) => {
    const { hostname, port } = new URL(databaseUrl)
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) })
    const through = new URL(databaseUrl)
    through.port = String(proxy.port)
    through.hostname = '127.0.0.1'
    const db = createDb(through.href, { poolSize: 2, answerMs: 2000 })
    const ask = () => db.$queryRaw`select 1 as "one"`
    expect(await ask()).toEqual([{ one: 1 }])
    proxy.freeze()
    // More than there are connections: some wait for an answer, the others for a connection.
    const asked = await Promise.allSettled([
      ask(),
      ask(),
      ask(),
      ask(),
      db.$transaction(async (tx) => tx.$queryRaw`select 1`),
    ])
    expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 'rejected'))
    await proxy.restore()
    await expect.poll(() => ask().catch(() => null), { timeout: 10_000 }).toEqual([{ one: 1 }])
    await db.$disconnect()
    await proxy.stop()
  },
)
