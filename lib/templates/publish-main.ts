import { join } from 'node:path'
import { systemActor } from '#lib/auth/ctx.ts'
import { parseMigrateConfig } from '#lib/config/migrate.ts'
import { createDb } from '#lib/db/client.ts'
import { syncTemplates } from './commands.ts'

// npm run publish-templates: for installations that run the processes themselves. The start program publishes by itself.
try {
  const db = createDb(parseMigrateConfig().databaseUrl, { poolSize: 1 })
  const ctx = { db, actor: systemActor('publish-templates'), now: new Date() }
  const { published, refused } = await syncTemplates(ctx, { folder: join(import.meta.dirname, '../../templates') })
  await db.$disconnect()
  const names = published.map(({ id, version }) => `${id} ${version}`)
  process.stdout.write(names.length > 0 ? `Published ${names.join(', ')}.\n` : 'Nothing to publish.\n')
  for (const { message } of refused) process.stderr.write(`${message}\n`)
  process.exitCode = refused.length > 0 ? 1 : 0
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
