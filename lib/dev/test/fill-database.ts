import { systemActor } from '#lib/auth/ctx.ts'
import { createDb } from '#lib/db/client.ts'
import { prepareDatabase } from '#lib/db/prepare.ts'
import { syncPolicySets } from '#lib/guardrails/commands.ts'

/** What every installation has after its first start: tables, and the central policies of the release. */
export async function fillDatabase(databaseUrl: string): Promise<void> {
  await prepareDatabase({ databaseUrl })
  const db = createDb(databaseUrl, { poolSize: 1 })
  try {
    await syncPolicySets({ db, actor: systemActor('test'), now: new Date() })
  } finally {
    await db.$disconnect()
  }
}
