import { Prisma } from '#lib/db/generated/client.ts'

/** Clocks of processes differ, and what is written later may have been decided earlier: by less than this. */
const slackMs = 60_000

/** A sequence number before which the log has nothing since then, found by the index of times: a range of numbers is read faster than one of times. */
export function firstSeqSince(since: Date): Prisma.Sql {
  const from = new Date(since.getTime() - slackMs)
  return Prisma.sql`coalesce((select "seq" from "AuditEvent" where "at" >= ${from} order by "at", "seq" limit 1), 0)`
}
