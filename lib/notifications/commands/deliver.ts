import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { createSender } from '#lib/webhooks/commands.ts'
import { retryAfterMs } from '#lib/webhooks/rules.ts'
import { aboutChannel } from '../rows.ts'
import { type Sent, settleAttempt, slackOutcome } from '../rules/attempts.ts'
import { mailOf, type Message, slackTextOf } from '../rules/messages.ts'
import type { Mailer } from '../send/mailer.ts'

/** What delivering needs beside the database. Without a mailer nothing is sent by mail. */
export type NotificationSending = {
  secretBox: SecretBox
  sender: ReturnType<typeof createSender>
  mailer: Mailer | null
  /** The portal's address. */
  url: string
}

/** Lasts longer than the slowest attempt, so that nobody else takes a delivery up meanwhile; whoever ends in between leaves it to the next after that. */
const claimMs = 120_000

/** A delivery that was taken, and where it goes: `mail`, or the channel. */
export type ClaimedDelivery = { id: string; destination: string }

/** Takes deliveries that are due: at most `limit`, `perDestination` of each, none of those in `except`. A delivery is taken by one worker at a time; the rows themselves are the queue. */
export async function claimNotificationDeliveries(
  ctx: Ctx,
  options: { limit: number; perDestination: number; except: readonly string[] },
): Promise<ClaimedDelivery[]> {
  const { limit, perDestination, except } = options
  const until = new Date(ctx.now.getTime() + claimMs)
  return await ctx.db.$queryRaw<ClaimedDelivery[]>`
    with due as (
      select q."id", q."destination" from (
        select d."id", d."nextAttemptAt", coalesce(d."channelId"::text, 'mail') as "destination",
          row_number() over (partition by coalesce(d."channelId"::text, 'mail') order by d."nextAttemptAt", d."id") as n
        from "NotificationDelivery" d left join "NotificationChannel" c on c."id" = d."channelId"
        where d."state" = 'pending' and d."nextAttemptAt" <= ${ctx.now} and (c."id" is null or c."enabled" or d."what" = 'test')
      ) q where q.n <= ${perDestination} and not q."destination" = any (${except}::text[])
      order by q."nextAttemptAt", q."id" limit ${limit}
    ), taken as (
      select d."id", due."destination" from "NotificationDelivery" d join due using ("id")
      where d."state" = 'pending' and d."nextAttemptAt" <= ${ctx.now} for update of d skip locked
    )
    update "NotificationDelivery" d set "nextAttemptAt" = ${until} from taken where d."id" = taken."id" returning d."id", taken."destination"`
}

/**
 * Makes one attempt at a delivery that was taken and settles what follows: delivered, another attempt later, or given up; a channel that was taken away at the other side is switched off, on the record.
 * Rejects when it could not be tried or settled; then it is due again.
 */
export async function deliverNotification(ctx: Ctx, input: { id: string }, means: NotificationSending): Promise<void> {
  const delivery = await ctx.db.notificationDelivery.findUnique({
    where: { id: input.id },
    include: { channel: true, person: { select: { email: true, active: true } } },
  })
  if (delivery?.state !== 'pending') return
  const message = delivery.message as Message
  const sent = await attempt(ctx, { delivery, message, means })
  await settle(ctx, { id: delivery.id, sent })
}

type Delivery = {
  id: string
  channel: { id: string; url: Uint8Array } | null
  person: { email: string; active: boolean } | null
}

async function attempt(
  ctx: Ctx,
  { delivery, message, means }: { delivery: Delivery; message: Message; means: NotificationSending },
): Promise<Sent> {
  const { channel, person } = delivery
  if (channel) {
    const url = await means.secretBox.open(channel.url, sealContexts.notificationChannel(channel.id))
    const body = JSON.stringify({ text: slackTextOf(message, means) })
    const headers = { 'content-type': 'application/json', 'user-agent': 'Wheelhouse-Notifications/1' }
    const { status, retryAfter, error } = await means.sender.post({ url, headers, body })
    return slackOutcome({ status, error, retryAfterMs: retryAfterMs(retryAfter, ctx.now) })
  }
  const never = { ok: false, final: true, gone: false, retryAfterMs: null } as const
  if (!means.mailer) return { ...never, error: 'No mail server is set up.' }
  if (!person?.active) return { ...never, error: 'Whom it is for has left.' }
  const mail = mailOf(message, { id: delivery.id, url: means.url, domain: means.mailer.domain })
  return await means.mailer.send({ address: person.email, mail })
}

async function settle(ctx: Ctx, { id, sent }: { id: string; sent: Sent }): Promise<void> {
  await inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select 1 from "NotificationDelivery" where "id" = ${id}::uuid for update`
    const delivery = await tx.notificationDelivery.findUnique({ where: { id }, include: { channel: true } })
    // Deleted meanwhile, with its channel.
    if (!delivery) return
    const attempts = delivery.attempts + 1
    const settled = settleAttempt(sent, attempts, ctx.now)
    const nextAttemptAt = settled.state === 'pending' ? settled.nextAttemptAt : null
    await tx.notificationDelivery.update({
      where: { id },
      data: {
        state: settled.state,
        attempts,
        nextAttemptAt,
        lastError: sent.ok ? null : sent.error,
        settledAt: nextAttemptAt ? null : ctx.now,
      },
    })
    const { channel } = delivery
    if (settled.state !== 'failed' || !settled.gone || !channel?.enabled) return
    const reason = `${channel.host} says that this webhook does not exist any more.`
    await tx.notificationChannel.update({ where: { id: channel.id }, data: { enabled: false, disabledReason: reason } })
    recordAudit(tx, ctx, { event: 'notification_channel.disabled', ...aboutChannel(channel), detail: { reason } })
  })
}
