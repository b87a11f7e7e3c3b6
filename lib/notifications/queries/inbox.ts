import { authorize, type Ctx, reader, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { type InboxPage, inboxQuery, type NotificationView } from '../schema.ts'
import type { z } from 'zod'

/** One's own inbox, what was told last first, a page at a time. Needs `inbox:own`. */
export async function listInbox(ctx: Ctx, input: z.input<typeof inboxQuery> = {}): Promise<InboxPage> {
  authorize(ctx, 'inbox:own')
  const personId = requirePerson(ctx).id
  const { state, kind, limit, cursor } = inboxQuery.parse(input)
  const db = reader(ctx)
  const last = cursor === undefined ? null : await db.notification.findFirst({ where: { id: cursor, personId } })
  if (cursor !== undefined && !last) {
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
  }
  const unreadOnly = state === 'unread' ? { readAt: null } : {}
  const where = { personId, inInbox: true, kind, ...unreadOnly }
  const [rows, unread, total] = await Promise.all([
    db.notification.findMany({
      where: {
        ...where,
        ...(last ? { OR: [{ toldAt: { lt: last.toldAt } }, { toldAt: last.toldAt, id: { lt: last.id } }] } : {}),
      },
      orderBy: [{ toldAt: 'desc' }, { id: 'desc' }],
      take: limit + 1,
    }),
    db.notification.count({ where: { personId, inInbox: true, readAt: null } }),
    db.notification.count({ where }),
  ])
  const page = rows.slice(0, limit)
  const items = page.map((row): NotificationView => ({
    id: row.id,
    kind: row.kind as NotificationView['kind'],
    title: row.title,
    body: row.body,
    path: row.path,
    createdAt: row.createdAt.toISOString(),
    toldAt: row.toldAt.toISOString(),
    readAt: row.readAt?.toISOString() ?? null,
  }))
  return { items, unread, total, nextCursor: rows.length > limit ? (page.at(-1)?.id ?? null) : null }
}
