import type { differenceKinds } from './replays.ts'

export const trialKinds = ['replay', 'log_only'] as const

/** What a set would have decided otherwise, in one form whether recorded calls were replayed or live ones judged beside the set in force. Times are ISO 8601 in UTC. */
export type TrialReport = {
  by: (typeof trialKinds)[number]
  from: string
  to: string
  /** It is still log-only: the figures grow. */
  running: boolean
  /** Where every call of it is listed; null for log-only, whose calls are listed with the set. */
  replayId: string | null
  /** Calls that the policies decided. */
  calls: number
  /** Of these, those it could be asked about. */
  judged: number
  blocked: { calls: number; agents: number }
  permitted: { calls: number; agents: number }
  /** The figures in sentences. */
  says: string[]
  /** The first hundred, most calls first. */
  rows: TrialRow[]
}

/** Calls of one agent to one tool that it would have decided otherwise, by the same policy. */
export type TrialRow = {
  kind: (typeof differenceKinds)[number]
  agentId: string
  agentName: string | null
  serverId: string
  tool: string
  /** The policy that would refuse them, or did. */
  rule: string
  /** What refused them then, where it would permit them. */
  refusedBy: string | null
  calls: number
  /** The last of them, to be opened; null when it is too far back to be looked for here. */
  lastAt: string | null
  lastDecision: string | null
}

/** Both of a set, of its text of now; null: not tried so. */
export type TrialReports = { number: number; version: string; replay: TrialReport | null; logOnly: TrialReport | null }
