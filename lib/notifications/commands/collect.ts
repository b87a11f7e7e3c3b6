import { auditEventsNamed } from '#lib/audit/queries.ts'
import type { AuditView } from '#lib/audit/schema.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { activePeople } from '#lib/auth/queries.ts'
import type { Tx } from '#lib/db/client.ts'
import { channelsFor, readChannels } from '../tell/channels.ts'
import { type Person, recipientsOf } from '../tell/recipients.ts'
import type { Telling } from '../tell/phrases.ts'
import { standInNotes } from '../tell/stand-in-notes.ts'
import { tellingOf, toldEvents } from '../tell/tellers.ts'
import { readWishes } from '../tell/wishes.ts'
import { isUrgent, type NewDelivery, queueDeliveries, writeNotices } from './gather.ts'

/** Events told of in one transaction, and how far in the log one looks for them: calls of agents lie between by the thousand. */
const batchMax = 200
const spanMax = 20_000n

/**
 * Tells people and channels of what the audit log has brought since the last time: each event once, however many workers ask and whenever they end. The audit log itself is the outbox, so nothing that
 * committed is missed. Returns how many sequence numbers were passed; ask again while there are any.
 *
 * @param options.mail whether this installation can send mail; without, none is kept for later
 */
export async function collectNotifications(ctx: Ctx, options: { mail: boolean }): Promise<number> {
  return await inTx(ctx, async (tx, ctx) => {
    const [at] = await tx.$queryRaw<{ seq: bigint; head: bigint }[]>`
      select c."seq", h."seq" as "head" from "NotificationCursor" c, "AuditHead" h
      where c."seq" < h."seq" for update of c skip locked`
    if (!at) return 0
    const reach = at.seq + spanMax < at.head ? at.seq + spanMax : at.head
    const asked = { names: toldEvents(), after: at.seq, through: reach, limit: batchMax }
    const events = await auditEventsNamed(tx, asked)
    const through = events.length === batchMax ? BigInt(events.at(-1)!.seq) : reach
    if (events.length > 0) await tell(ctx, events, options)
    await tx.notificationCursor.updateMany({ data: { seq: through } })
    return Number(through - at.seq)
  })
}

/** What one person, or one channel, is told of one or several events. */
type Told<To> = { to: To; event: AuditView; telling: Telling; count: number }

async function tell(ctx: Ctx & { tx: Tx }, events: readonly AuditView[], { mail }: { mail: boolean }): Promise<void> {
  const { tx } = ctx
  const people = await activePeople(ctx)
  const channels = await readChannels(tx)
  const toPeople = new Map<string, Told<Person>>()
  const toChannels = new Map<string, Told<{ id: string }>>()
  const absences = await standInNotes(ctx)
  const known = new Map<string, string[]>()
  for (const event of events) {
    const telling = tellingOf(event)
    if (!telling) continue
    const recipients = await recipientsOf({ ctx, people, known }, { telling, actorId: event.actor.id })
    for (const to of recipients) {
      add(toPeople, { to, event, telling: absences.note(telling, { to, recipients }) })
    }
    for (const to of await channelsFor(ctx, { channels, event, telling })) add(toChannels, { to, event, telling })
  }
  const wishes = await readWishes(tx, [...new Set([...toPeople.values()].map(({ to }) => to.id))])
  const deliveries: ReturnType<typeof delivery>[] = []
  const manyOf = ({ telling }: Told<unknown>) => (telling.gathers ? (telling.many ?? null) : null)
  const rows = [...toPeople.values()].flatMap((told) => {
    const { to, event, telling } = told
    const wanted = (channel: 'inbox' | 'mail' | 'slack') => wishes.modeOf(to, telling.kind, channel)
    const slack = wishes.slackOf(to.id)
    const byMail = mail ? wanted('mail') : 'off'
    const bySlack = slack ? wanted('slack') : 'off'
    const inInbox = wanted('inbox') !== 'off'
    if (byMail === 'at_once') deliveries.push(delivery(ctx, told, { medium: 'mail', personId: to.id }))
    if (bySlack === 'at_once' && slack) deliveries.push(delivery(ctx, told, { medium: 'slack', channelId: slack }))
    const digests = { mailDigest: digestOrNull(byMail), slackDigest: digestOrNull(bySlack) }
    if (!inInbox && !digests.mailDigest && !digests.slackDigest) return []
    const { kind, body, path, thread } = telling
    const said = { kind, title: titleOf(told), body, path, thread }
    const times = { createdAt: new Date(event.at), toldAt: ctx.now }
    const row = { personId: to.id, eventSeq: BigInt(event.seq), ...said, ...times, inInbox, ...digests }
    return [{ notice: { ...row, count: told.count }, gathers: inInbox ? manyOf(told) : null }]
  })
  for (const told of toChannels.values()) {
    deliveries.push(delivery(ctx, told, { medium: 'slack', channelId: told.to.id }))
  }
  await writeNotices(ctx, rows)
  await queueDeliveries(ctx, deliveries)
}

/** Those of one thread that come together are told as one, with the last of them. */
function add<To extends { id: string }>(all: Map<string, Told<To>>, told: Omit<Told<To>, 'count'>): void {
  const { to, event, telling } = told
  const together = telling.many ? `${event.event} ${telling.thread}` : event.seq
  const key = `${to.id} ${together}`
  all.set(key, { ...told, count: (all.get(key)?.count ?? 0) + 1 })
}

function titleOf({ telling, count }: Told<unknown>): string {
  return count > 1 && telling.many ? telling.many(count) : telling.title
}

function digestOrNull(mode: string): string | null {
  return mode === 'daily' || mode === 'weekly' ? mode : null
}

function delivery(
  ctx: Ctx,
  told: Told<unknown>,
  where: { medium: string; personId?: string; channelId?: string },
): { delivery: NewDelivery; gathers: ((count: number) => string) | null } {
  const { kind, body, path, thread, many, gathers } = told.telling
  const message = { what: 'notification' as const, title: titleOf(told), body, path, thread }
  const times = { createdAt: ctx.now, nextAttemptAt: ctx.now }
  const { count, event } = told
  const about = { what: message.what, kind, urgent: isUrgent(kind), eventSeq: BigInt(event.seq), message, count }
  return { delivery: { ...where, ...about, ...times }, gathers: (gathers && many) || null }
}
