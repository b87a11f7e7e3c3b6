import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '#lib/db/client.ts'

/** An instant after all that was recorded, and before whatever is written from now on. Commits of one millisecond are told apart by times that run ahead of the clock, which is waited for. */
export async function instant(db: Db): Promise<Date> {
  for (;;) {
    const [row] = await db.$queryRaw<{ at: Date; after: boolean }[]>`
      select n."at", n."at" >= h."at" as "after" from "HistoryHead" h, (select date_trunc('milliseconds', clock_timestamp()) as "at") n`
    // Also by a clock of milliseconds, which may stand where it did.
    await sleep(3)
    if (row!.after) return row!.at
  }
}
