import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, inject } from 'vitest'
import { migrate } from '#lib/db/migrate.ts'
import { migrationsFolder } from '#lib/db/migrations.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { cloneTemplate } from '#lib/dev/test/template-database.ts'

dbTest('what is written while the records begin is in them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'history-'))
  const { databaseUrl, drop } = await cloneTemplate(inject('testDatabase').serverUrl, 'template1')
  const writer = new pg.Client({ connectionString: databaseUrl })
  await writer.connect()
  try {
    for (const name of await readdir(migrationsFolder)) {
      if (name < '0024') await cp(join(migrationsFolder, name), join(folder, name), { recursive: true })
    }
    await migrate({ databaseUrl, folder })
    await cp(join(migrationsFolder, '0024_history'), join(folder, '0024_history'), { recursive: true })
    await writer.query(`insert into "Team" ("id", "name") values ('team', 'before')`)
    await writer.query('begin')
    await writer.query(`update "Team" set "name" = 'after' where "id" = 'team'`)
    const running = migrate({ databaseUrl, folder })
    const waiting = `select 1 from pg_locks where not granted and "relation" = '"Team"'::regclass`
    await expect.poll(async () => (await writer.query(waiting)).rowCount, { timeout: 10_000 }).toBe(1)
    await writer.query('commit')
    expect(await running).toEqual(['0024_history'])
    const { rows } = await writer.query(
      `select "state"->>'name' as "name" from "HistoryEntry" where "kind" = 'Team' order by "seq" desc limit 1`,
    )
    expect(rows).toEqual([{ name: 'after' }])
  } finally {
    await writer.end()
    await drop()
    await rm(folder, { recursive: true })
  }
})
