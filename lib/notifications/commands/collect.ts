import { auditEventsNamed } from '#lib/audit/queries.ts'
import type { AuditView } from '#lib/audit/schema.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { activePeople } from '#lib/auth/queries.ts'
import type { Tx } from '#lib/db/client.ts'
import { type Person, recipientsOf } from '../tell/recipients.ts'
import { type Telling, tellingOf, toldEvents } from '../tell/tellers.ts'

/** Events told of in one transaction, and how far in the log one looks for them: calls of agents lie between by the thousand. */
const batchMax = 200
const spanMax = 20_000n

/**
 * Tells people of what the audit log has brought since the last time: each event once, however many workers ask and whenever they end. The audit log itself is the outbox, so nothing that
 * committed is missed. Returns how many sequence numbers were passed; ask again while there are any.
 */
export async function collectNotifications(ctx: Ctx): Promise<number> {
  return await inTx(ctx, async (tx, ctx) => {
    const [at] = await tx.$queryRaw<{ seq: bigint; head: bigint }[]>`
      select c."seq", h."seq" as "head" from "NotificationCursor" c, "AuditHead" h
      where c."seq" < h."seq" for update of c skip locked`
    if (!at) return 0
    const reach = at.seq + spanMax < at.head ? at.seq + spanMax : at.head
    const asked = { names: toldEvents(), after: at.seq, through: reach, limit: batchMax }
    const events = await auditEventsNamed(tx, asked)
    const through = events.length === batchMax ? BigInt(events.at(-1)!.seq) : reach
    if (events.length > 0) await tell(ctx, events)
    await tx.notificationCursor.updateMany({ data: { seq: through } })
    return Number(through - at.seq)
  })
}

/** What one person is told of one or several events. */
type Told = { person: Person; event: AuditView; telling: Telling; count: number }

async function tell(ctx: Ctx & { tx: Tx }, events: readonly AuditView[]): Promise<void> {
  const people = await activePeople(ctx)
  const told = new Map<string, Told>()
  for (const event of events) {
    const telling = tellingOf(event)
    if (!telling) continue
    for (const person of await recipientsOf({ ctx, people }, { telling, actorId: event.actor.id })) {
      const together = telling.many ? `${event.event} ${telling.thread}` : event.seq
      const key = `${person.id} ${together}`
      told.set(key, { person, event, telling, count: (told.get(key)?.count ?? 0) + 1 })
    }
  }
  const rows = [...told.values()].map(({ person, event, telling, count }) => ({
    personId: person.id,
    eventSeq: BigInt(event.seq),
    kind: telling.kind,
    title: count > 1 && telling.many ? telling.many(count) : telling.title,
    body: telling.body,
    path: telling.path,
    thread: telling.thread,
    createdAt: ctx.now,
  }))
  if (rows.length > 0) await ctx.tx.notification.createMany({ data: rows })
}
