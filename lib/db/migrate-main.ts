import { parseMigrateConfig } from '#lib/config/migrate.ts'
import { prepareDatabase } from './prepare.ts'

// npm run migrate: for installations that run the processes themselves. The start program migrates by itself.
try {
  const applied = await prepareDatabase(parseMigrateConfig())
  process.stdout.write(applied.length > 0 ? `Applied ${applied.join(', ')}.\n` : 'Nothing to apply.\n')
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
