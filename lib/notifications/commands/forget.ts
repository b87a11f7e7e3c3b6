import type { Ctx } from '#lib/auth/ctx.ts'

const keptMs = 90 * 24 * 60 * 60 * 1000
const batchMax = 5000

/** Deletes what people were told of more than ninety days ago, read or not, with what was sent then; what it was about is in the audit log. The worker calls it every hour. Returns how many. */
export async function forgetNotifications(ctx: Ctx): Promise<number> {
  const before = new Date(ctx.now.getTime() - keptMs)
  let deleted = 0
  for (let count = batchMax; count === batchMax; deleted += count) {
    count = await ctx.db.$executeRaw`delete from "Notification" where "id" in
      (select "id" from "Notification" where "createdAt" < ${before} limit ${batchMax})`
  }
  for (let count = batchMax; count === batchMax;) {
    count = await ctx.db.$executeRaw`delete from "NotificationDelivery" where "id" in
      (select "id" from "NotificationDelivery" where "settledAt" < ${before} limit ${batchMax})`
  }
  await ctx.db.digest.deleteMany({ where: { madeAt: { lt: before } } })
  return deleted
}
