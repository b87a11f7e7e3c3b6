import { Prisma } from '#lib/db/generated/client.ts'
import { liveMs } from '../rules/process-beats.ts'

/** Whether a process that lives now has lived all the time since `from`; the name of its kind is SQL. */
export function hasLivedSql(process: Prisma.Sql, { from, now }: { from: Date; now: Date }): Prisma.Sql {
  return Prisma.sql`exists (select 1 from "ProcessBeat" b where b."process" = ${process} and b."since" <= ${from}
    and b."seenAt" >= ${new Date(now.getTime() - liveMs)})`
}
