// Views are JSON as they are: times are ISO 8601 in UTC, money is micro-dollars as a decimal string.
import type { DataClass, ToolClass } from '#lib/registry/schema.ts'
import type { ScopeRequestState } from '../schema.ts'
import type { GrantUsage } from './usage.ts'

/** How far back an approver is shown what happened, and with how many days before it that is compared. */
export const contextDays = 30

export const reachChanges = ['new', 'freer', 'longer', 'none'] as const
/** `new`: it cannot be called now. `freer`: now only within limits that fall away. `longer`: now as freely, but not for as long. */
export type ReachChange = (typeof reachChanges)[number]

/** A tool that the scope covers: how the agent may call it now and how it could. */
export type ToolReach = {
  name: string
  class: ToolClass
  description: string
  change: ReachChange
  /** In words, one for each grant that covers it now; empty: not at all. */
  before: string[]
  after: string
}

export const signalTopics = [
  'stop',
  'first',
  'terms',
  'earlier',
  'peers',
  'denials',
  'unused',
  'prompt',
  'review',
  'escalations',
  'cost',
] as const
export type SignalTopic = (typeof signalTopics)[number]
export const signalTones = ['danger', 'warn', 'neutral', 'ok'] as const

/** One thing that speaks for or against it, in a sentence. */
export type Signal = { about: SignalTopic; tone: (typeof signalTones)[number]; text: string }

/** Something the agent never held before, also not for a while. */
export type FirstTime =
  | { kind: 'environment'; value: string }
  | { kind: 'sensitivity'; value: string }
  | { kind: 'class'; value: ToolClass }
  | { kind: 'data_class'; value: DataClass }

/** An agent of the same template that holds at least this scope. */
export type PeerUse = {
  id: string
  name: string
  /** Calls of these tools in the days that are looked at. */
  calls: number
  lastUsedAt: string | null
  /** Within which limits it holds it, in words; empty: none. */
  limits: string[]
  expiresAt: string | null
}

/** Sums of an agent's days; `costMicros` leaves out what is not priced. */
export type TrendSums = {
  runs: number
  escalatedRuns: number
  toolCalls: number
  deniedCalls: number
  costMicros: string
  unpricedRequests: number
}

export type EarlierRequest = {
  id: string
  class: ToolClass
  toolNames: string[]
  state: ScopeRequestState
  requestedBy: string
  createdAt: string
  decidedBy: string | null
  decidedAt: string | null
  note: string | null
}

/** Something that happened to a request. `by`: the person; null: nobody did it, a rule or the time. */
export type RequestMoment = { at: string; event: string; by: string | null; says: string }

/** What differs between what was asked for and what was granted, in words. */
export type TermDifference = {
  field: 'class' | 'tools' | 'days' | 'conditions' | 'rate'
  asked: string
  granted: string
}

/** What it takes to decide a request in the time that an approver has. */
export type RequestContext = {
  days: number
  /** What would be reached that is not reached now, in a sentence. */
  blastRadius: string
  /** The most urgent first. */
  signals: Signal[]
  tools: ToolReach[]
  /** What the agent reaches on other servers, before and after alike. */
  elsewhere: { servers: number; tools: number }
  firsts: FirstTime[]
  /** Refused calls of exactly these tools. */
  denials: { count: number; lastAt: string | null; rules: { rule: string; count: number }[] }
  /** Earlier requests of this agent for this server that overlap with it, newest first. */
  earlier: { total: number; items: EarlierRequest[] }
  peers: { using: number; items: PeerUse[] }
  usage: GrantUsage[]
  review: { lastAt: string | null; nextAt: string | null; overdue: boolean }
  trend: { now: TrendSums; before: TrendSums }
  /** The prompt of the version that the request was made for; `changes` are the lines that are different now, null: none. */
  prompt: { version: number; currentVersion: number; text: string; changes: string[] | null }
  /** Stop orders in force that reach the agent or the tools. */
  stops: { target: string; reason: string; by: string; at: string }[]
  openEscalations: number
  /** What came of it; null: nothing was granted. `differences` are empty when it is what was asked for. */
  granted: { grantIds: string[]; differences: TermDifference[] } | null
}
