import { systemActor } from '#lib/auth/ctx.ts'
import { createDb } from '#lib/db/client.ts'
import { orderStop } from '#lib/killswitch/commands.ts'
import type { OrderStopInput } from '#lib/killswitch/schema.ts'
import { alreadyStopped, tellRefusal } from '../refusals.ts'

/**
 * Orders a stop without the portal: every process of the platform reads orders from the database. Whoever can open the database may; the
 * audit log names the user of this machine. Throws what the command throws, and the driver's error when the database is away too.
 */
export async function orderStopDirectly(databaseUrl: string, input: OrderStopInput & { user: string }) {
  const { user, ...order } = input
  const db = createDb(databaseUrl, { poolSize: 1, answerMs: 15_000 })
  try {
    const ctx = { db, actor: systemActor(`command line, ${user}`), now: new Date() }
    return tellRefusal(await orderStop(ctx, order), alreadyStopped)
  } finally {
    await db.$disconnect()
  }
}
