import { z } from 'zod'

/** The largest sequence number that the database can hold. */
const seqMax = 9_223_372_036_854_775_807n

/** Filters of the audit log: page, REST and CLI alike. `before` is a sequence number: rows older than it. */
export const auditQuery = z.strictObject({
  agent: z.string().max(100).optional(),
  actor: z.string().max(200).optional(),
  event: z.string().max(100).optional(),
  server: z.string().max(100).optional(),
  tool: z.string().max(200).optional(),
  run: z.uuid().optional(),
  decision: z.enum(['allow', 'deny', 'hold']).optional(),
  rule: z.string().max(100).optional(),
  before: z.coerce.bigint().positive().max(seqMax).optional(),
  after: z.coerce.bigint().nonnegative().max(seqMax).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})
export type AuditQuery = z.infer<typeof auditQuery>

/** One event as shown. `seq` is a decimal string: it may pass 2^53. Times are ISO 8601 in UTC. */
export type AuditView = {
  id: string
  seq: string
  at: string
  event: string
  actor: { kind: string; id: string; name: string }
  subject: { kind: string; id: string; name: string }
  agentId: string | null
  serverId: string | null
  tool: string | null
  runId: string | null
  decision: string | null
  rule: string | null
  requestId: string | null
  detail: Record<string, unknown>
}

/** `before` is a sequence number: entries older than it. */
export const timelineQuery = z.strictObject({
  agentId: z.string().min(1).max(100),
  before: z.coerce.bigint().positive().max(seqMax).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
export type TimelineQuery = z.infer<typeof timelineQuery>

/** Something that happened to an agent. */
export type TimelineEntry = {
  id: string
  /** A decimal string: it may pass 2^53. */
  seq: string
  at: string
  event: string
  actor: { kind: string; name: string }
  subject: { kind: string; id: string; name: string }
  serverId: string | null
  decision: string | null
  rule: string | null
  /** Why, in the words of who did it. */
  reason: string | null
}
