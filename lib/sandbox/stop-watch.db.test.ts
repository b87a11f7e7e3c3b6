import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { createLog } from '#lib/log/log.ts'
import { StopWatch } from './stop-watch.ts'

dbTest('stop orders are read on after the database was lost without a word', async ({ databaseUrl }) => {
  const proxy = await startTcpProxy(databaseUrl)
  const log = createLog({ process: 'sandbox', level: 'silent' })
  const watch = new StopWatch({ databaseUrl: proxy.url, log, sessions: () => [], onView: () => {} })
  watch.start()
  await expect.poll(() => watch.fresh(), { timeout: 15_000 }).not.toBeNull()
  proxy.lose()
  const lostAt = performance.now()
  await expect.poll(() => (watch.fresh()?.readAt ?? 0) > lostAt, { timeout: 30_000 }).toBe(true)
  await watch.stop()
  await proxy.stop()
})
