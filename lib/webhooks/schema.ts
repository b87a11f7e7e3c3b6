import { z } from 'zod'
import { instant } from '#lib/core/instant.ts'

const url = z
  .url({ protocol: /^https?$/, error: 'Use an https address.' })
  .max(2000)
  .refine((text) => !/^https?:\/\/[^/]*@/.test(text), 'Leave user and password out of the address.')
  .refine((text) => !text.includes('#'), 'Leave the fragment out of the address.')

/** `agent.created`, `agent.*` or `*`; whether the catalogue has it is checked by the command. */
const pattern = z
  .string()
  .regex(
    /^(?:\*|[a-z_]+\.(?:\*|[a-z_]+))$/,
    'Name an audit event such as agent.created, a family such as agent.*, or *.',
  )

const description = z.string().trim().max(200)
const events = z.array(pattern).min(1, 'Name at least one event.').max(50)

export const createWebhookInput = z.strictObject({ url, description: description.default(''), events })
export type CreateWebhookInput = z.infer<typeof createWebhookInput>

export const updateWebhookInput = z.strictObject({
  webhookId: z.uuid(),
  url: url.optional(),
  description: description.optional(),
  events: events.optional(),
  enabled: z.boolean().optional(),
})
export type UpdateWebhookInput = z.infer<typeof updateWebhookInput>

export const webhookIdInput = z.strictObject({ webhookId: z.uuid() })
export type WebhookIdInput = z.infer<typeof webhookIdInput>

/** One delivery, or all of an endpoint that failed since a time. */
export const replayInput = z.union([
  z.strictObject({ webhookId: z.uuid(), deliveryId: z.uuid() }),
  z.strictObject({ webhookId: z.uuid(), failedSince: instant }),
])
export type ReplayInput = z.infer<typeof replayInput>

export const deliveryListQuery = z.strictObject({
  state: z.enum(['pending', 'delivered', 'failed']).optional(),
  /** The id of the last delivery of the page before. */
  before: z.uuid().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})
export type DeliveryListQuery = z.infer<typeof deliveryListQuery>

/** An endpoint as shown; its secret is not. Times are ISO 8601 in UTC. */
export type WebhookView = {
  id: string
  url: string
  description: string
  events: string[]
  enabled: boolean
  disabledReason: string | null
  failingSince: string | null
  /** Until when the secret before the last rotation signs as well. */
  previousSecretUntil: string | null
  createdAt: string
  createdBy: string
  /** Deliveries of the last seven days by state. */
  week: { pending: number; delivered: number; failed: number }
}

export type WebhookAttemptView = {
  number: number
  at: string
  ms: number
  status: number | null
  error: string | null
}

export type WebhookDeliveryView = {
  id: string
  event: string
  /** The audit event it tells of; null for a test. A decimal string. */
  eventSeq: string | null
  state: 'pending' | 'delivered' | 'failed'
  attempts: WebhookAttemptView[]
  nextAttemptAt: string | null
  createdAt: string
  settledAt: string | null
  body: string
}

/** `nextCursor`: what to ask `before` for the page after; null on the last. */
export type WebhookDeliveryPage = { items: WebhookDeliveryView[]; nextCursor: string | null }
