import { join } from 'node:path'
import { ensureAdminToken } from '#lib/auth/commands/tokens.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import { createDb } from '#lib/db/client.ts'
import { prepareDatabase } from '#lib/db/prepare.ts'
import { syncPolicySets } from '#lib/guardrails/commands.ts'
import { syncTemplates } from '#lib/templates/commands.ts'

/** What must be in the database before the processes start: tables, the central policies and golden templates of this version, this machine's admin token. */
export async function prepareContents(options: {
  databaseUrl: string
  root: string
  home: string
}): Promise<{ applied: string[]; refusedTemplates: string[] }> {
  const applied = await prepareDatabase(options)
  const db = createDb(options.databaseUrl, { poolSize: 2 })
  try {
    const ctx = { db, actor: systemActor('start'), now: new Date() }
    const { refused } = await syncTemplates(ctx, { folder: join(options.root, 'templates') })
    await syncPolicySets(ctx)
    await ensureAdminToken(db, options.home)
    return { applied, refusedTemplates: refused.map(({ message }) => message) }
  } finally {
    await db.$disconnect()
  }
}
