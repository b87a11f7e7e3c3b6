import { join } from 'node:path'
import { systemActor } from '#lib/auth/ctx.ts'
import { parseDemoConfig } from '#lib/config/demo.ts'
import { ConfigError } from '#lib/config/shared.ts'
import { createDb } from '#lib/db/client.ts'
import { createKeyring } from '#lib/keys/commands.ts'
import { seedPrograms } from './programs.ts'
import { seedDemo } from './seed-demo.ts'

try {
  const config = parseDemoConfig()
  const db = createDb(config.databaseUrl, { poolSize: 4 })
  try {
    const started = performance.now()
    const ctx = { db, actor: systemActor('demo seed'), now: new Date() }
    const secretBox = createKeyring(config.keys, db)
    const templatesFolder = join(import.meta.dirname, '../../../templates')
    const outcome = await seedDemo(ctx, { ...config, secretBox, templatesFolder })
    await seedPrograms(ctx, { home: config.home, platform: process.platform })
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(
      `demo data: ${outcome.people} people, ${outcome.agents} agents, ${outcome.days} days, ${outcome.runs} runs, ${outcome.calls} recorded calls added in ${seconds} s`,
    )
  } finally {
    await db.$disconnect()
  }
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : error)
  process.exitCode = 1
}
