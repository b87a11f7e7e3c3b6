import { authorize, can, type Ctx, reader, requirePerson } from '#lib/auth/ctx.ts'
import { revisionOf } from '#lib/core/revision.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { authorizeForChannel, channelNotFound } from '../rules/channel-access.ts'
import { defaultDigestTime } from '../rules/digest-time.ts'
import { type Channel, defaultMode, type Kind, kindFacts, kinds, type Mode, modesOf } from '../schema/kinds.ts'
import { channels, type ChannelView, type NotificationSettingsView, type PreferenceView } from '../schema/settings.ts'

/** How one is told of what, and when digests come. Needs `inbox:own`. @param options.mailFrom whom mail is from; null: none is sent */
export async function getNotificationSettings(
  ctx: Ctx,
  options: { mailFrom: string | null },
): Promise<NotificationSettingsView> {
  authorize(ctx, 'inbox:own')
  const person = requirePerson(ctx)
  const db = reader(ctx)
  const where = { personId: person.id }
  const rows = await db.notificationPreference.findMany({ where })
  const time = await db.digestTime.findUnique({ where, omit: { personId: true } })
  const [slack] = await views(ctx, where)
  const preferences = kinds
    .filter((kind) => person.permissions.has(kindFacts[kind].needs))
    .map((kind): PreferenceView => {
      const { label, says } = kindFacts[kind]
      const entry = (channel: Channel) => {
        const row = rows.find((each) => each.kind === kind && each.channel === channel)
        const offered = modesOf(kind, channel, person.permissions)
        const standard = defaultMode(kind, channel, person.roles)
        const chosen = offered.find((mode) => mode === row?.mode)
        return { mode: chosen ?? standard, standard, chosen: chosen !== undefined, modes: [...offered] }
      }
      const byChannel = Object.fromEntries(channels.map((channel) => [channel, entry(channel)]))
      return { kind, label, says, channels: byChannel as Record<Channel, { mode: Mode } & ReturnType<typeof entry>> }
    })
  return {
    preferences,
    digest: time ?? defaultDigestTime,
    mail: { from: options.mailFrom, to: person.email },
    slack: slack ?? null,
  }
}

/** Channels of teams and of the organization that one may manage, by name. Needs `channels:manage`. */
export async function listChannels(ctx: Ctx): Promise<ChannelView[]> {
  authorize(ctx, 'channels:manage')
  const { teamIds } = requirePerson(ctx)
  const mine = can(ctx.actor, 'agents:any_team') ? {} : { teamId: { in: [...teamIds] } }
  return await views(ctx, { personId: null, ...mine })
}

/** One channel that one may manage, or one’s own. Needs `inbox:own`, and `channels:manage` where it is a team’s or the organization’s; throws `not_found`. */
export async function getChannel(ctx: Ctx, id: string): Promise<ChannelView> {
  authorize(ctx, 'inbox:own')
  const row = await reader(ctx).notificationChannel.findUnique({ where: { id }, include: { team: true } })
  if (row) authorizeForChannel(ctx, row)
  const [channel] = row ? await views(ctx, { id }) : []
  if (!channel) throw channelNotFound()
  return channel
}

/** A channel with its address, as a text that changes with it; null: there is none. With `lock` it is held until the transaction ends. */
export async function channelRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "NotificationChannel" where "id" = ${id}::uuid for update`
  const channel = await tx.notificationChannel.findUnique({ where: { id } })
  return channel && revisionOf(channel)
}

async function views(ctx: Ctx, where: Prisma.NotificationChannelWhereInput): Promise<ChannelView[]> {
  const db = reader(ctx)
  const rows = await db.notificationChannel.findMany({
    where,
    orderBy: [{ name: 'asc' }, { id: 'asc' }],
    omit: { url: true },
    include: {
      team: { select: { id: true, name: true } },
    },
  })
  const lasts = await lastDeliveries(db, rows)
  return rows.map((row) => {
    const last = lasts.get(row.id)
    return {
      id: row.id,
      owner: row.personId ? 'me' : row.teamId ? 'team' : 'organization',
      team: row.team,
      name: row.name,
      host: row.host,
      kinds: row.kinds as Kind[],
      enabled: row.enabled,
      disabledReason: row.disabledReason,
      createdAt: row.createdAt.toISOString(),
      createdBy: row.createdByName,
      last: last
        ? {
            state: last.state as 'pending',
            at: (last.settledAt ?? last.createdAt).toISOString(),
            error: last.lastError,
          }
        : null,
    }
  })
}

type Last = { channelId: string; state: string; createdAt: Date; settledAt: Date | null; lastError: string | null }

/** One row a channel, by the index: logs are long. */
async function lastDeliveries(
  db: ReturnType<typeof reader>,
  channels: readonly { id: string }[],
): Promise<Map<string, Last>> {
  const ids = channels.map(({ id }) => id)
  const rows = await db.$queryRaw<Last[]>`
    select c."id" as "channelId", d."state", d."createdAt", d."settledAt", d."lastError"
    from unnest(${ids}::uuid[]) as c ("id"), lateral (
      select "state", "createdAt", "settledAt", "lastError" from "NotificationDelivery"
      where "channelId" = c."id" order by "createdAt" desc limit 1) d`
  return new Map(rows.map((row) => [row.channelId, row]))
}
