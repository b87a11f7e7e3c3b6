import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { activePeople } from '#lib/auth/queries.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { type Cadence, defaultDigestTime, lastDigest } from '../rules/digest-time.ts'
import { type DigestGroup, digestItemsMax, type Message } from '../rules/messages.ts'
import { type Kind, kindFacts, kinds } from '../schema/kinds.ts'
import type { Person } from '../tell/recipients.ts'
import { switchOffOfLeavers } from './give-up.ts'

type Medium = 'mail' | 'slack'

/**
 * Makes the digests that are due: one message for a person, medium and period, of what was kept for it until then, whichever worker makes it and however often they ask; nothing when nothing was kept,
 * nor for whoever has left, whose channels are switched off. Returns how many.
 */
export async function makeDigests(ctx: Ctx): Promise<number> {
  await switchOffOfLeavers(ctx)
  const waiting = await ctx.db.$queryRaw<{ personId: string; mail: string | null; slack: string | null }[]>`
    select distinct n."personId", n."mailDigest" as "mail", n."slackDigest" as "slack" from "Notification" n
    where n."mailDigest" is not null or n."slackDigest" is not null`
  const people = await activePeople(ctx, { ids: waiting.map(({ personId }) => personId) })
  const times = await ctx.db.digestTime.findMany({
    where: { personId: { in: waiting.map(({ personId }) => personId) } },
  })
  const asked = new Map<string, { personId: string; medium: Medium; cadence: Cadence }>()
  for (const { personId, mail, slack } of waiting) {
    for (const [medium, cadence] of [
      ['mail', mail],
      ['slack', slack],
    ] as const) {
      if (cadence) asked.set(`${personId} ${medium} ${cadence}`, { personId, medium, cadence: cadence as Cadence })
    }
  }
  let made = 0
  for (const digest of asked.values()) {
    const time = times.find(({ personId }) => personId === digest.personId) ?? defaultDigestTime
    const due = lastDigest(digest.cadence, time, ctx.now)
    const person = people.find(({ id }) => id === digest.personId)
    if (await inTx(ctx, (tx, ctx) => makeDigest(tx, ctx, { ...digest, ...due, person }))) made += 1
  }
  return made
}

type Due = {
  personId: string
  /** As they are now; none: who has left. */
  person: Person | undefined
  medium: Medium
  cadence: Cadence
  period: string
  until: Date
}

async function makeDigest(tx: Tx, ctx: Ctx, due: Due): Promise<boolean> {
  const { personId, person, medium, cadence, period, until } = due
  const column = medium === 'mail' ? 'mailDigest' : 'slackDigest'
  if ((await tx.notification.count({ where: { personId, [column]: cadence, toldAt: { lte: until } } })) === 0)
    return false
  // By the instant, not the day: whoever travels gets the one of the same day where they are now, too.
  const { count } = await tx.digest.createMany({
    data: [{ personId, medium, cadence, period: until.toISOString(), madeAt: ctx.now }],
    skipDuplicates: true,
  })
  // Somebody else makes it, or has made it; what came too late for it is in the next one.
  if (count === 0) return false
  const sees = kinds.filter((kind) => person?.permissions.has(kindFacts[kind].needs))
  const groups = await takeKept(tx, { personId, column, cadence, until, sees })
  const to = person && groups.length > 0 ? await destinationOf(tx, { personId, medium }) : null
  if (!to) return false
  const message: Message = { what: 'digest', cadence, period, groups }
  await tx.notificationDelivery.create({
    data: { ...to, medium, what: 'digest', message, createdAt: ctx.now, nextAttemptAt: ctx.now },
  })
  return true
}

type Kept = {
  personId: string
  column: 'mailDigest' | 'slackDigest'
  cadence: Cadence
  until: Date
  sees: readonly Kind[]
}

/** Takes what was kept, and says of the very rows that it took how many there are of a kind, and the first of them: what is committed meanwhile stays for the next one. */
async function takeKept(tx: Tx, { personId, column, cadence, until, sees }: Kept): Promise<DigestGroup[]> {
  const kept = Prisma.raw(`"${column}"`)
  const rows = await tx.$queryRaw<{ kind: string; title: string; path: string; total: number }[]>`
    with taken as (
      update "Notification" set ${kept} = null where "personId" = ${personId}::uuid and ${kept} = ${cadence} and "toldAt" <= ${until}
      returning "id", "kind", "title", "path", "createdAt"
    )
    select "kind", "title", "path", "total" from (
      select *, count(*) over (partition by "kind")::int as "total", row_number() over (partition by "kind" order by "createdAt" desc, "id" desc) as n
      from taken where "kind" = any (${[...sees]}::text[])
    ) t where n <= ${digestItemsMax} order by "createdAt" desc, "id" desc`
  // In the order of the settings page.
  return kinds.flatMap((kind) => {
    const items = rows.filter((row) => row.kind === kind)
    const [first] = items
    if (!first) return []
    const { label } = kindFacts[kind]
    return [{ label, count: first.total, items: items.map(({ title, path }) => ({ title, path })) }]
  })
}

async function destinationOf(tx: Tx, { personId, medium }: Pick<Due, 'personId' | 'medium'>) {
  if (medium === 'mail') return { personId }
  const channel = await tx.notificationChannel.findFirst({ where: { personId, enabled: true }, select: { id: true } })
  return channel && { channelId: channel.id }
}
