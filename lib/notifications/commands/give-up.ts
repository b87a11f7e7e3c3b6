import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { aboutChannel } from '../rows.ts'

/** What waits for a channel that is switched off is not sent when it is on again: it would be old news then. */
export async function giveUpPending(
  tx: Tx,
  { channelId, now, why }: { channelId: string; now: Date; why: string },
): Promise<void> {
  await tx.notificationDelivery.updateMany({
    where: { channelId, state: 'pending', what: { not: 'test' } },
    data: { state: 'failed', nextAttemptAt: null, settledAt: now, lastError: why },
  })
}

/** Switches off, on the record, the channels of people who have left. Returns how many. */
export async function switchOffOfLeavers(ctx: Ctx): Promise<number> {
  const where = { enabled: true, person: { active: false } }
  if ((await ctx.db.notificationChannel.count({ where })) === 0) return 0
  return await inTx(ctx, async (tx, ctx) => {
    const channels = await tx.notificationChannel.findMany({
      where,
      orderBy: { id: 'asc' },
      take: 200,
      select: { id: true, name: true, teamId: true },
    })
    let count = 0
    for (const channel of channels) {
      const { id } = channel
      const reason = 'Whose it is has left.'
      const off = await tx.notificationChannel.updateMany({
        where: { ...where, id },
        data: { enabled: false, disabledReason: reason },
      })
      if (off.count === 0) continue
      await giveUpPending(tx, { channelId: id, now: ctx.now, why: reason })
      recordAudit(tx, ctx, { event: 'notification_channel.disabled', ...aboutChannel(channel), detail: { reason } })
      count += 1
    }
    return count
  })
}
