import { z } from 'zod'
import { inboxQuery, markAllInput, markNotificationInput } from '#lib/notifications/schema.ts'
import { inboxPage } from '../answers/inbox.ts'
import { count } from '../answers/words.ts'
import { endpoint, json, nothing } from '../endpoint.ts'
import { exampleId, uuidId } from './params.ts'

export const list = endpoint({
  method: 'GET',
  path: '/api/v1/inbox',
  summary: 'What you were told of, newest first, a page at a time; with how many are unread.',
  permission: 'inbox:own',
  query: inboxQuery,
  answer: json(inboxPage),
  example: { query: { state: 'unread' } },
})

export const mark = endpoint({
  method: 'PATCH',
  path: '/api/v1/inbox/{id}',
  summary: 'Marks one of your notifications read or unread.',
  permission: 'inbox:own',
  params: uuidId,
  body: markNotificationInput.omit({ notificationId: true }),
  answer: nothing,
  example: { params: exampleId, body: { read: true } },
})

export const markAll = endpoint({
  method: 'POST',
  path: '/api/v1/inbox/read',
  summary: 'Marks everything in your inbox read, or what came until a time.',
  permission: 'inbox:own',
  body: markAllInput,
  answer: json(z.strictObject({ marked: count })),
  example: { body: { until: '2026-11-26T09:00:00Z' } },
})
