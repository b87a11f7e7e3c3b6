// Views are JSON as they are: times are ISO 8601 in UTC, durations are milliseconds.
import { z } from 'zod'
import type { Environment, ToolClass } from '#lib/registry/schema.ts'

/** The last hours of a server: one day by hour, a week or more by day. */
export const serverTrafficQuery = z.strictObject({
  serverId: z.string().min(1).max(100),
  hours: z.coerce.number().int().min(1).max(2160).default(24),
})
export type ServerTrafficQuery = z.infer<typeof serverTrafficQuery>

/** Calls at the broker, added up. */
export type TrafficSums = {
  /** Calls that were allowed and have ended, whatever came of them. */
  calls: number
  /** Calls that were refused; they are not in `calls`. */
  refused: number
  /** Calls that waited for a person; those that were approved are in `calls` as well. */
  held: number
  /** Calls that the tool answered with an error. */
  toolErrors: number
  /** Calls that the server did not answer with a result. */
  serverErrors: number
  /** Calls that ended because the caller went away or was stopped. */
  aborted: number
  /** Median and 95th percentile of how long calls took, as near as buckets tell; null without a call. */
  p50Ms: number | null
  p95Ms: number | null
  /** What the calls cost, each at its price then, in micro-dollars. */
  costMicros: string
}

/** One hour or one UTC day, which begins at `at`. */
export type TrafficPoint = TrafficSums & { at: string }

/** Until when calls are counted: those that were recorded later are not yet. Null: nothing has been counted yet. */
type CountedUntil = { countedUntil: string | null }

export type ServerTraffic = CountedUntil & {
  serverId: string
  hours: number
  /** The first point's beginning and the instant of asking: the last point is unfinished. */
  from: string
  to: string
  step: 'hour' | 'day'
  series: TrafficPoint[]
  totals: TrafficSums
  /** As long a time before, to compare with. */
  previous: TrafficSums
  /** Busiest first. `tool` is a tool or a method of MCP; empty: names that the server does not have. `agents`: who called it on these days. */
  tools: (TrafficSums & { tool: string; class: ToolClass | null; agents: number })[]
}

export const agentTrafficQuery = z.strictObject({
  agentId: z.string().min(1).max(100),
  days: z.coerce.number().int().min(1).max(400).default(30),
})
export type AgentTrafficQuery = z.infer<typeof agentTrafficQuery>

/** A tool that an agent called. */
export type CalledTool = {
  tool: string
  class: ToolClass | null
  calls: number
  refused: number
  errors: number
  lastAt: string
  /** What the calls cost, each at its price then, in micro-dollars. */
  costMicros: string
}

/** Another agent that meets this one at a server, with its calls there. */
export type Neighbour = { id: string; name: string; calls: number }

/** A server that an agent called, with those who write where it reads and read where it writes. */
export type AgentServerTraffic = {
  server: { id: string; name: string; environment: Environment }
  tools: CalledTool[]
  /** Agents that called writing tools here, if this one read; the busiest five, and how many there are. */
  feeds: { agents: Neighbour[]; total: number }
  /** Agents that read here, if this one called writing tools; the busiest five, and how many there are. */
  fed: { agents: Neighbour[]; total: number }
}

/** Who an agent depends on and who may depend on it, from what was observed at the broker. */
export type AgentTraffic = CountedUntil & {
  agentId: string
  days: number
  from: string
  to: string
  servers: AgentServerTraffic[]
}
