import { z } from 'zod'
import { metadata, metadataPatch } from '../http/metadata.ts'
import { pageQuery, timestamp } from '../http/query.ts'
import { userMessage } from '../events/schema.ts'

const budget = z.strictObject({
  type: z.literal('limit'),
  max_list_cost: z.strictObject({
    amount: z.string().regex(/^[1-9]\d{0,11}$/, 'Use whole cents as a decimal string, at least "1".'),
    currency: z.literal('USD'),
  }),
})

const agentReference = z.union([
  z.string().min(1),
  z.strictObject({ type: z.literal('agent'), id: z.string().min(1), version: z.int().min(1).optional() }),
])

/** `POST /v1/sessions` */
export const createSessionBody = z.strictObject({
  agent: agentReference,
  environment_id: z.string().min(1),
  title: z.string().max(500).nullish(),
  metadata: metadata.default({}),
  vault_ids: z.array(z.string()).max(20).default([]),
  budget: budget.optional(),
  initial_events: z.array(userMessage).max(50).default([]),
  resources: z.array(z.never('Resources are not available on this server.')).default([]),
})

/** `POST /v1/sessions/{id}` */
export const updateSessionBody = z.strictObject({
  title: z.string().max(500).nullish(),
  metadata: metadataPatch.nullish(),
  budget: budget.nullish(),
  agent: z.never('Changing the agent of a session is not available on this server.').optional(),
  vault_ids: z.never('vault_ids can only be set at creation.').optional(),
})

export const listSessionsQuery = z.object({
  ...pageQuery(20, 100),
  order: z.enum(['asc', 'desc']).default('desc'),
  include_archived: z.stringbool().default(false),
  agent_id: z.string().optional(),
  agent_version: z.coerce.number().int().min(1).optional(),
  statuses: z.array(z.enum(['idle', 'running', 'rescheduling', 'terminated'])).optional(),
  deployment_id: z.string().optional(),
  memory_store_id: z.string().optional(),
  'created_at[gt]': timestamp.optional(),
  'created_at[gte]': timestamp.optional(),
  'created_at[lt]': timestamp.optional(),
  'created_at[lte]': timestamp.optional(),
})

export type CreateSessionBody = z.output<typeof createSessionBody>
export type UpdateSessionBody = z.output<typeof updateSessionBody>
export type ListSessionsQuery = z.output<typeof listSessionsQuery>
