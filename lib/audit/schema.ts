import { z } from 'zod'

/** The largest sequence number that the database can hold. */
const seqMax = 9_223_372_036_854_775_807n

/** How a call can be on record to have failed. */
const failures = ['tool_error', 'upstream_error'] as const
type CallFailure = (typeof failures)[number]

/** What `outcome` asks for: calls of one end; `error`: of either error, as traffic counts them. */
export const auditOutcomes = ['error', ...failures, 'aborted'] as const

/** In words; what a tool said in its error is on no record. */
export const failureText: Record<CallFailure, string> = {
  tool_error: 'The tool answered with an error.',
  upstream_error: 'The server answered with an error.',
}

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
  outcome: z.enum(auditOutcomes).optional(),
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

/** A call that failed. `decision`: the id of its event, by which it is explained; `reason`: why, where more is known than its outcome. */
export type FailedCall = {
  decision: string
  at: string
  agent: { id: string; name: string }
  tool: string
  outcome: CallFailure
  rule: string | null
  reason: string | null
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
