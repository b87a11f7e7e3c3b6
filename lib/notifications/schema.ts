// Views are JSON as they are: times are ISO 8601 in UTC.
import { z } from 'zod'
import { type Kind, kinds } from './schema/kinds.ts'
import { timeText } from '#lib/core/instant.ts'

export const inboxQuery = z.strictObject({
  state: z.enum(['unread', 'all']).default('all'),
  kind: z.enum(kinds).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `nextCursor` of the page before. */
  cursor: z.uuid('This page link is damaged. Start from the first page.').optional(),
})

export const markNotificationInput = z.strictObject({ notificationId: z.uuid(), read: z.boolean() })
export type MarkNotificationInput = z.infer<typeof markNotificationInput>

export const markAllInput = z.strictObject({
  kind: z.enum(kinds).optional(),
  /** Only what was told until then (ISO 8601, `toldAt`): what was seen. Left out: everything. */
  until: timeText({ offset: true }).optional(),
})
export type MarkAllInput = z.infer<typeof markAllInput>

/** What one was told of; its text is plain, and `path` is where in the portal it is looked at. */
export type NotificationView = {
  id: string
  kind: Kind
  title: string
  body: string
  path: string
  /** When it happened. */
  createdAt: string
  /** When one was told, which may be later: the inbox goes by it. */
  toldAt: string
  readAt: string | null
}

export type InboxPage = {
  items: NotificationView[]
  /** Unread in the whole inbox, whatever is filtered. */
  unread: number
  /** How many the filter fits. */
  total: number
  nextCursor: string | null
}
