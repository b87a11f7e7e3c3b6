import type { z } from 'zod'
import { authorize, type Ctx, reader, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { type Message, titleOf } from '../rules/messages.ts'
import {
  type NotificationDeliveryPage,
  notificationDeliveryQuery,
  type NotificationDeliveryView,
} from '../schema/settings.ts'
import { listChannels } from './settings.ts'

/** What was sent to oneself by mail, or to a channel that one may manage, newest first, a page at a time. Needs `inbox:own`; throws `not_found` for another’s channel. */
export async function listNotificationDeliveries(
  ctx: Ctx,
  input: z.input<typeof notificationDeliveryQuery> = {},
): Promise<NotificationDeliveryPage> {
  authorize(ctx, 'inbox:own')
  const person = requirePerson(ctx)
  const { channelId, limit, cursor } = notificationDeliveryQuery.parse(input)
  const db = reader(ctx)
  if (channelId !== undefined) await requireMine(ctx, { channelId, personId: person.id })
  const mine = channelId === undefined ? { personId: person.id, channelId: null } : { channelId }
  const last = cursor === undefined ? null : await db.notificationDelivery.findFirst({ where: { id: cursor, ...mine } })
  if (cursor !== undefined && !last) {
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
  }
  const rows = await db.notificationDelivery.findMany({
    where: {
      ...mine,
      ...(last
        ? { OR: [{ createdAt: { lt: last.createdAt } }, { createdAt: last.createdAt, id: { lt: last.id } }] }
        : {}),
    },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: limit + 1,
  })
  const page = rows.slice(0, limit)
  const items = page.map((row): NotificationDeliveryView => ({
    id: row.id,
    medium: row.medium as NotificationDeliveryView['medium'],
    what: row.what as NotificationDeliveryView['what'],
    title: titleOf(row.message as Message),
    state: row.state as NotificationDeliveryView['state'],
    attempts: row.attempts,
    nextAttemptAt: row.nextAttemptAt?.toISOString() ?? null,
    lastError: row.lastError,
    createdAt: row.createdAt.toISOString(),
    settledAt: row.settledAt?.toISOString() ?? null,
  }))
  return { items, nextCursor: rows.length > limit ? (page.at(-1)?.id ?? null) : null }
}

async function requireMine(ctx: Ctx, { channelId, personId }: { channelId: string; personId: string }): Promise<void> {
  const channel = await reader(ctx).notificationChannel.findUnique({
    where: { id: channelId },
    select: { personId: true },
  })
  if (channel?.personId === personId) return
  const managed = channel?.personId === null ? await listChannels(ctx) : []
  if (!managed.some(({ id }) => id === channelId)) throw new DomainError('not_found', 'There is no such channel.')
}
