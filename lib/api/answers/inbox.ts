import { z } from 'zod'
import type { InboxPage } from '#lib/notifications/schema.ts'
import { kinds } from '#lib/notifications/schema/kinds.ts'
import { answerOf, count, text, time } from './words.ts'

export const inboxPage = answerOf<InboxPage>()(
  z.strictObject({
    items: z.array(
      z.strictObject({
        id: text,
        kind: z.enum(kinds),
        title: text,
        body: text,
        path: text,
        createdAt: time,
        toldAt: time,
        readAt: time.nullable(),
      }),
    ),
    unread: count,
    total: count,
    nextCursor: text.nullable(),
  }),
).meta({ id: 'InboxPage' })
