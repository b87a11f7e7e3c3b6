import { z } from 'zod'
import { numberMax } from '#lib/core/count.ts'

const units = { h: 1, d: 24 } as const
const longestHours = 90 * 24

/** `1h` to `90d` as hours; null when it is neither, or out of that range. */
export function rangeHours(since: string): number | null {
  const [, count, unit] = /^([1-9]\d{0,3})([hd])$/.exec(since) ?? []
  if (!count || !unit) return null
  const hours = Number(count) * units[unit as keyof typeof units]
  return hours <= longestHours ? hours : null
}

const since = z
  .string()
  .refine((text) => rangeHours(text) !== null, 'How far back: hours or days from 1h to 90d, such as 24h or 7d.')

/** Policies that are not saved: as in a pipeline, before anybody sees them. */
export const startTextReplayInput = z.strictObject({
  text: z.string().max(1_000_000, 'At most a million characters.'),
  since: since.default('7d'),
})
export type StartTextReplayInput = z.infer<typeof startTextReplayInput>

export const startReplayInput = z.strictObject({
  number: z.coerce.number().int().positive().max(numberMax),
  since: since.default('7d'),
})
export type StartReplayInput = z.infer<typeof startReplayInput>

export const replayStates = ['queued', 'running', 'done', 'failed', 'cancelled'] as const
export type ReplayState = (typeof replayStates)[number]

/** `blocked`: allowed then, refused by the set; `permitted`: refused then, allowed by the set. */
export const differenceKinds = ['blocked', 'permitted'] as const

/** What a set of policies would have done, in numbers: the form of a replay's report. Calls are decisions on record: `calls` = `judged` + `unjudged` + `untouched`. */
export type ReplayFigures = {
  calls: number
  /** Decided again from what was recorded. */
  judged: number
  /** Recorded without what the policies were asked, by an older release. */
  unjudged: number
  /** When the last of these was recorded. */
  unjudgedUntil: string | null
  /** Refused for another reason than the policies: none of them changes that. */
  untouched: number
  /** Requests of callers that are no agent, refused before anything is decided; not in `calls`. */
  strangers: number
  blocked: { calls: number; agents: number }
  permitted: { calls: number; agents: number }
  /** Refused then and by the set, by another policy. */
  otherRule: number
  /** The policies that decided then, by the version of their text. */
  against: { version: string; calls: number }[]
  /** Decided by this very text and otherwise than it says now: never, unless a record or a release is wrong. */
  unreproduced: number
  /** Different questions that the policies were asked. */
  situations: number
  /** Counted in `blocked` and `permitted`, and in no list: more differs than a report keeps. */
  leftOut: { differences: number; calls: number }
}

/** A replay as lists show it. Times are ISO 8601 in UTC. */
export type PolicyReplayView = {
  id: string
  /** `number` is null for a text that is not saved. */
  set: { number: number | null; version: string }
  /** The set has another text by now. */
  outdated: boolean
  from: string
  to: string
  state: ReplayState
  /** 0 to 1 */
  progress: number
  /** Null until it is done. */
  figures: ReplayFigures | null
  /** The figures in sentences, the most important first. */
  says: string[]
  error: string | null
  requestedBy: string
  createdAt: string
  startedAt: string | null
  endedAt: string | null
}

export type DifferenceSum = { blocked: number; permitted: number }

/** A replay with what would differ, most calls first; of each list the first hundred. */
export type PolicyReplayReport = PolicyReplayView & {
  against: { version: string; number: number | null; calls: number }[]
  byAgent: ({ agentId: string; name: string | null } & DifferenceSum)[]
  byTool: ({ serverId: string; tool: string } & DifferenceSum)[]
  byPolicy: ({ rule: string; title: string } & DifferenceSum)[]
}

export const replayListQuery = z.strictObject({
  number: z.coerce.number().int().positive().max(numberMax),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  /** The id of the last one of the page before. */
  cursor: z.uuid().optional(),
})
export type ReplayListQuery = z.input<typeof replayListQuery>
export type PolicyReplayList = { items: PolicyReplayView[]; nextCursor: string | null }

/** The calls of a difference, of a replay or of log-only: of one agent, tool or policy, or all. */
export const replayCallsQuery = z.strictObject({
  kind: z.enum(differenceKinds).default('blocked'),
  agent: z.string().max(100).optional(),
  server: z.string().max(100).optional(),
  tool: z.string().max(200).optional(),
  rule: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  /** A sequence number of the audit log: calls recorded before it. */
  cursor: z
    .string()
    .regex(/^\d{1,18}$/, 'A cursor is the nextCursor of the page before.')
    .optional(),
})
export type ReplayCallsQuery = z.input<typeof replayCallsQuery>

export type ReplayedCall = {
  /** Of its audit event, which is also the decision that can be explained. */
  id: string
  seq: string
  at: string
  agentId: string
  serverId: string
  tool: string
  runId: string | null
  decision: 'allow' | 'deny'
  /** The policy that would refuse it, or did. */
  rule: string
}
export type ReplayedCalls = { items: ReplayedCall[]; nextCursor: string | null }
