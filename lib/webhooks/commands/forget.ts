import type { Ctx } from '#lib/auth/ctx.ts'

const keptMs = 30 * 24 * 60 * 60 * 1000
const batchMax = 5000

/** Deletes deliveries that were settled more than thirty days ago, with their attempts; what they told of is in the audit log. The worker calls it every hour. Returns how many. */
export async function forgetWebhookDeliveries(ctx: Ctx): Promise<number> {
  const before = new Date(ctx.now.getTime() - keptMs)
  let deleted = 0
  for (let count = batchMax; count === batchMax; deleted += count) {
    count = await ctx.db.$executeRaw`delete from "WebhookDelivery" where "id" in
      (select "id" from "WebhookDelivery" where "settledAt" < ${before} limit ${batchMax})`
  }
  return deleted
}
