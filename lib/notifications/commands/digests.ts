import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { type Cadence, defaultDigestTime, lastDigest } from '../rules/digest-time.ts'
import { type DigestGroup, digestItemsMax, type Message } from '../rules/messages.ts'
import { type Kind, kindFacts, kinds } from '../schema/kinds.ts'

type Medium = 'mail' | 'slack'

/**
 * Makes the digests that are due: one message for a person, medium and period, of what was kept for it until then, whichever worker makes it and however often they ask; nothing when nothing was kept. Returns how many.
 */
export async function makeDigests(ctx: Ctx): Promise<number> {
  const waiting = await ctx.db.$queryRaw<{ personId: string; mail: string | null; slack: string | null }[]>`
    select distinct n."personId", n."mailDigest" as "mail", n."slackDigest" as "slack" from "Notification" n
    where n."mailDigest" is not null or n."slackDigest" is not null`
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
    if (await inTx(ctx, (tx, ctx) => makeDigest(tx, ctx, { ...digest, ...due }))) made += 1
  }
  return made
}

type Due = { personId: string; medium: Medium; cadence: Cadence; period: string; until: Date }

async function makeDigest(tx: Tx, ctx: Ctx, due: Due): Promise<boolean> {
  const { personId, medium, cadence, period, until } = due
  const column = medium === 'mail' ? 'mailDigest' : 'slackDigest'
  const where = { personId, [column]: cadence, toldAt: { lte: until } }
  if ((await tx.notification.count({ where })) === 0) return false
  const { count } = await tx.digest.createMany({
    data: [{ personId, medium, cadence, period, madeAt: ctx.now }],
    skipDuplicates: true,
  })
  // Somebody else makes it, or has made it; what came too late for it is in the next one.
  if (count === 0) return false
  const rows = await tx.notification.findMany({
    where,
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    select: { kind: true, title: true, path: true },
  })
  await tx.notification.updateMany({ where, data: { [column]: null } })
  const to = await destinationOf(tx, { personId, medium })
  if (!to) return false
  const message: Message = { what: 'digest', cadence, period, groups: groupsOf(rows) }
  await tx.notificationDelivery.create({
    data: { ...to, medium, what: 'digest', message, createdAt: ctx.now, nextAttemptAt: ctx.now },
  })
  return true
}

async function destinationOf(tx: Tx, { personId, medium }: Pick<Due, 'personId' | 'medium'>) {
  if (medium === 'mail') {
    const person = await tx.person.findUnique({ where: { id: personId }, select: { active: true } })
    return person?.active ? { personId } : null
  }
  const channel = await tx.notificationChannel.findFirst({ where: { personId, enabled: true }, select: { id: true } })
  return channel && { channelId: channel.id }
}

/** In the order of the settings page. */
function groupsOf(rows: readonly { kind: string; title: string; path: string }[]): DigestGroup[] {
  return kinds.flatMap((kind: Kind) => {
    const ofKind = rows.filter((row) => row.kind === kind)
    const items = ofKind.slice(0, digestItemsMax).map(({ title, path }) => ({ title, path }))
    return ofKind.length > 0 ? [{ label: kindFacts[kind].label, count: ofKind.length, items }] : []
  })
}
