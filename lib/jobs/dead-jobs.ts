import type { Db } from '#lib/db/client.ts'

const keptDays = 7

/** Deletes jobs that failed at their last try a week ago: the queue itself keeps them for ever. Returns how many. The worker calls it every hour. */
export async function forgetDeadJobs(db: Db, now: Date): Promise<number> {
  const before = new Date(now.getTime() - keptDays * 86_400_000)
  return await db.$executeRaw`
    delete from graphile_worker._private_jobs
    where "attempts" >= "max_attempts" and "locked_at" is null and "updated_at" < ${before}`
}
