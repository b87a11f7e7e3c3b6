import { z } from 'zod'
import type { WebhookDeliveryPage, WebhookView } from '#lib/webhooks/schema.ts'
import { answerOf, count, text, time } from './words.ts'

export const webhook = answerOf<WebhookView>()(
  z.strictObject({
    id: text,
    url: text,
    description: text,
    events: z.array(text),
    enabled: z.boolean(),
    disabledReason: text.nullable(),
    failingSince: time.nullable(),
    previousSecretUntil: time.nullable(),
    createdAt: time,
    createdBy: text,
    week: z.strictObject({ pending: count, delivered: count, failed: count }),
  }),
).meta({ id: 'Webhook' })

export const webhookDeliveryPage = answerOf<WebhookDeliveryPage>()(
  z.strictObject({
    items: z.array(
      z.strictObject({
        id: text,
        event: text,
        eventSeq: text.nullable(),
        state: z.enum(['pending', 'delivered', 'failed']),
        attempts: z.array(
          z.strictObject({
            number: count,
            at: time,
            ms: z.number(),
            status: z.int().nullable(),
            error: text.nullable(),
          }),
        ),
        nextAttemptAt: time.nullable(),
        createdAt: time,
        settledAt: time.nullable(),
        body: text,
      }),
    ),
    nextCursor: text.nullable(),
  }),
).meta({ id: 'WebhookDeliveryPage' })
