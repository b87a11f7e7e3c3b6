import { expect, inject } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { cloneTemplate } from '#lib/dev/test/template-database.ts'
import { prepareDatabase } from './prepare.ts'

dbTest('the template has the product’s tables and the queue’s', async ({ db }) => {
  const rows = await db.$queryRaw<{ ours: number; queue: string | null }[]>`
    select (select count(*)::int from _prisma_migrations) as ours, to_regclass('graphile_worker.jobs')::text as queue`
  expect(rows[0]?.ours).toBeGreaterThan(0)
  expect(rows[0]?.queue).toBe('graphile_worker.jobs')
})

dbTest('two starts at once on an empty database both succeed', async () => {
  const { databaseUrl, drop } = await cloneTemplate(inject('testDatabase').serverUrl, 'template1')
  try {
    const applied = await Promise.all([prepareDatabase({ databaseUrl }), prepareDatabase({ databaseUrl })])
    expect(applied.filter((names) => names.length === 0)).toHaveLength(1)
  } finally {
    await drop()
  }
})
