import type { Ctx } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { type Prisma } from '#lib/db/generated/client.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Message } from '../rules/messages.ts'
import type { Kind } from '../schema/kinds.ts'

type InTx = Ctx & { tx: Tx }
type Many = ((count: number) => string) | null

/** Mails at once to a person in an hour; the rest of it is told together in one more. Stops do not count. */
export const mailsPerHourMax = 20
const hourMs = 3_600_000
const restLinesMax = 20
/** The thread of what is told together. */
const restThread = 'rest'

export type NewNotice = Prisma.NotificationCreateManyInput & { count: number }
export type NewDelivery = Omit<Prisma.NotificationDeliveryCreateManyInput, 'message'> & {
  message: Extract<Message, { what: 'notification' }>
  count: number
}

/** Writes what people find in their inboxes and digests; what gathers joins the unread one of its thread. */
export async function writeNotices(
  { tx }: InTx,
  notices: readonly { notice: NewNotice; gathers: Many }[],
): Promise<void> {
  const fresh: NewNotice[] = []
  for (const { notice, gathers } of notices) {
    if (gathers === null || !(await joinUnread(tx, notice, gathers))) fresh.push(notice)
  }
  if (fresh.length > 0) await tx.notification.createMany({ data: fresh })
}

async function joinUnread(tx: Tx, notice: NewNotice, titleOf: (count: number) => string): Promise<boolean> {
  const { personId, kind, thread } = notice
  const known = await tx.notification.findFirst({
    where: { personId, kind, thread, inInbox: true, readAt: null },
    orderBy: { toldAt: 'desc' },
    select: { id: true, count: true, mailDigest: true, slackDigest: true },
  })
  if (!known) return false
  const count = known.count + notice.count
  const { eventSeq, body, path, createdAt, toldAt } = notice
  const digests = {
    mailDigest: notice.mailDigest ?? known.mailDigest,
    slackDigest: notice.slackDigest ?? known.slackDigest,
  }
  const joined = await tx.notification.updateMany({
    where: { id: known.id, readAt: null },
    data: { eventSeq, title: titleOf(count), body, path, createdAt, toldAt, count, ...digests },
  })
  return joined.count > 0
}

/** Queues what is sent at once: what gathers joins what no worker has begun, and mails beyond those of an hour are told together in one, at the end of it. */
export async function queueDeliveries(
  { tx, now }: InTx,
  deliveries: readonly { delivery: NewDelivery; gathers: Many }[],
): Promise<void> {
  const room = await mailRoom({ tx, now }, deliveries)
  const fresh: NewDelivery[] = []
  for (const { delivery, gathers } of deliveries) {
    if (gathers && (await joinUnsent(tx, delivery, (_, count) => ({ title: gathers(count) })))) continue
    const { personId, message } = delivery
    const left = personId && !delivery.urgent ? (room.get(personId) ?? 0) : 1
    if (left <= 0) {
      const rest = restOf(now, delivery)
      const line = (known: NewDelivery['message'], count: number) => restWords(count, [...lines(known), message.title])
      if (!(await joinUnsent(tx, rest, line))) await tx.notificationDelivery.create({ data: rest })
      continue
    }
    if (personId && !delivery.urgent) room.set(personId, left - 1)
    fresh.push(gathers ? { ...delivery, thread: `${delivery.kind} ${message.thread}` } : delivery)
  }
  if (fresh.length > 0) await tx.notificationDelivery.createMany({ data: fresh })
}

/** How many mails each may get at once still. */
async function mailRoom(
  { tx, now }: Pick<InTx, 'tx' | 'now'>,
  deliveries: readonly { delivery: NewDelivery }[],
): Promise<Map<string, number>> {
  const ids = [...new Set(deliveries.flatMap(({ delivery }) => delivery.personId ?? []))]
  const sent = await tx.notificationDelivery.groupBy({
    by: ['personId'],
    where: {
      personId: { in: ids },
      what: 'notification',
      urgent: false,
      createdAt: { gt: new Date(now.getTime() - hourMs) },
    },
    _count: true,
  })
  const counts = new Map(sent.map(({ personId, _count }) => [personId, _count]))
  return new Map(ids.map((id) => [id, mailsPerHourMax - (counts.get(id) ?? 0)]))
}

/** Whether it joined one that waits; that one is locked first, so that no worker begins it meanwhile, and one that is begun is left alone. */
async function joinUnsent(
  tx: Tx,
  delivery: NewDelivery,
  change: (known: NewDelivery['message'], count: number) => Partial<NewDelivery['message']>,
): Promise<boolean> {
  const { personId = null, channelId = null, message } = delivery
  const thread = delivery.thread ?? `${delivery.kind} ${message.thread}`
  const [known] = await tx.$queryRaw<{ id: string; count: number; message: NewDelivery['message'] }[]>`
    select "id", "count", "message" from "NotificationDelivery"
    where "state" = 'pending' and "begunAt" is null and "thread" = ${thread}
      and ("personId" = ${personId}::uuid or "channelId" = ${channelId}::uuid)
    limit 1 for update skip locked`
  if (!known) return false
  const count = known.count + delivery.count
  const data = { count, message: { ...message, ...change(known.message, count) } }
  await tx.notificationDelivery.update({ where: { id: known.id }, data })
  return true
}

function restOf(now: Date, { personId, medium, what, count, message, createdAt }: NewDelivery): NewDelivery {
  const said = { ...message, ...restWords(count, [message.title]), path: paths.inbox(), thread: restThread }
  const nextAttemptAt = new Date(now.getTime() + hourMs)
  return { personId: personId!, medium, what, count, message: said, thread: restThread, createdAt, nextAttemptAt }
}

function restWords(count: number, titles: readonly string[]): { title: string; body: string } {
  return {
    title: count === 1 ? 'One more thing in the last hour' : `${count} more things in the last hour`,
    body: titles.slice(0, restLinesMax).join('\n'),
  }
}

function lines({ body }: NewDelivery['message']): string[] {
  return body === '' ? [] : body.split('\n')
}

/** What is sent before all else. */
export function isUrgent(kind: Kind): boolean {
  return kind === 'stop'
}
