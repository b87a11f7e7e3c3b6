import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { activePeople } from '#lib/auth/queries.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { createSender } from '#lib/webhooks/commands.ts'
import { retryAfterMs } from '#lib/webhooks/rules.ts'
import { aboutChannel } from '../rows.ts'
import { type Sent, settleAttempt, slackOutcome } from '../rules/attempts.ts'
import { mailOf, type Message, slackTextOf } from '../rules/messages.ts'
import { type Kind, kindFacts, kinds } from '../schema/kinds.ts'
import type { Mailer } from '../send/mailer.ts'
import { giveUpPending } from './give-up.ts'

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

/** Takes deliveries that are due: at most `limit`, `perDestination` of each with those that are under way to it, stops before all else. A delivery is taken by one worker at a time; the rows themselves are the queue. */
export async function claimNotificationDeliveries(
  ctx: Ctx,
  options: { limit: number; perDestination: number; underWay: ReadonlyMap<string, number> },
): Promise<ClaimedDelivery[]> {
  const { limit, perDestination, underWay } = options
  const [destinations, counts] = [[...underWay.keys()], [...underWay.values()]]
  const until = new Date(ctx.now.getTime() + claimMs)
  return await ctx.db.$queryRaw<ClaimedDelivery[]>`
    with due as (
      select q."id", q."destination" from (
        select d."id", d."nextAttemptAt", d."urgent", coalesce(d."channelId"::text, 'mail') as "destination",
          row_number() over (partition by coalesce(d."channelId"::text, 'mail') order by d."urgent" desc, d."nextAttemptAt", d."id") as n
        from "NotificationDelivery" d left join "NotificationChannel" c on c."id" = d."channelId"
        where d."state" = 'pending' and d."nextAttemptAt" <= ${ctx.now} and (c."id" is null or c."enabled" or d."what" = 'test')
      ) q left join unnest(${destinations}::text[], ${counts}::int[]) as busy ("destination", "count") using ("destination")
      where q.n + coalesce(busy."count", 0) <= ${perDestination}
      order by q."urgent" desc, q."nextAttemptAt", q."id" limit ${limit}
    ), taken as (
      select d."id", due."destination" from "NotificationDelivery" d join due using ("id")
      where d."state" = 'pending' and d."nextAttemptAt" <= ${ctx.now} for update of d skip locked
    )
    update "NotificationDelivery" d set "nextAttemptAt" = ${until}, "begunAt" = coalesce(d."begunAt", ${ctx.now}) from taken where d."id" = taken."id" returning d."id", taken."destination"`
}

/**
 * Makes one attempt at a delivery that was taken and settles what follows: delivered, another attempt later, or given up; a channel that was taken away at the other side is switched off, on the record.
 * Rejects when it could not be tried or settled; then it is due again.
 */
export async function deliverNotification(ctx: Ctx, input: { id: string }, means: NotificationSending): Promise<void> {
  const delivery = await ctx.db.notificationDelivery.findUnique({
    where: { id: input.id },
    include: { channel: true },
  })
  if (delivery?.state !== 'pending') return
  const sent = await attempt(ctx, { delivery, means })
  await settle(ctx, { id: delivery.id, sent })
}

type Delivery = {
  id: string
  what: string
  kind: string | null
  message: unknown
  personId: string | null
  channel: { id: string; url: Uint8Array; personId: string | null; enabled: boolean } | null
}

const never = { ok: false, final: true, gone: false, retryAfterMs: null } as const

async function attempt(
  ctx: Ctx,
  { delivery, means }: { delivery: Delivery; means: NotificationSending },
): Promise<Sent> {
  const { channel } = delivery
  const personId = channel ? channel.personId : delivery.personId
  const [person] = personId === null ? [] : await activePeople(ctx, { ids: [personId] })
  if (personId !== null && !person) return { ...never, error: 'Whom it is for has left.' }
  const message = person ? stillSeen(delivery, person) : (delivery.message as Message)
  if (!message) return { ...never, error: 'Whom it is for may not see it any more.' }
  if (channel) {
    if (!channel.enabled && delivery.what !== 'test') return { ...never, error: 'The channel was switched off.' }
    const url = await means.secretBox.open(channel.url, sealContexts.notificationChannel(channel.id))
    const body = JSON.stringify({ text: slackTextOf(message, means) })
    const headers = { 'content-type': 'application/json', 'user-agent': 'Wheelhouse-Notifications/1' }
    const { status, retryAfter, error } = await means.sender.post({ url, headers, body })
    // Why it cannot be reached would tell anybody what there is inside.
    const told = error !== null && personId !== null ? 'It cannot be reached.' : error
    return slackOutcome({ status, error: told, retryAfterMs: retryAfterMs(retryAfter, ctx.now) })
  }
  if (!means.mailer) return { ...never, error: 'No mail server is set up.' }
  if (!person) return { ...never, error: 'Whom it is for has left.' }
  const mail = mailOf(message, { id: delivery.id, url: means.url, domain: means.mailer.domain })
  return await means.mailer.send({ address: person.email, mail })
}

/** The message as far as somebody may see, now, what it is about; null: nothing of it. */
function stillSeen({ kind, message }: Delivery, { permissions }: { permissions: ReadonlySet<string> }): Message | null {
  const sees = (each: Kind | undefined) => each === undefined || permissions.has(kindFacts[each].needs)
  if (!sees(kinds.find((each) => each === kind))) return null
  const said = message as Message
  if (said.what !== 'digest') return said
  const groups = said.groups.filter(({ label }) => sees(kinds.find((each) => kindFacts[each].label === label)))
  return groups.length === 0 ? null : { ...said, groups }
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
    await giveUpPending(tx, { channelId: channel.id, now: ctx.now, why: reason })
    recordAudit(tx, ctx, { event: 'notification_channel.disabled', ...aboutChannel(channel), detail: { reason } })
  })
}
