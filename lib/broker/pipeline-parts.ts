import type { AgentFacts, Caller } from '#lib/guardrails/rules/facts.ts'
import { AuditUnavailable, type GroupCommit } from './audit/group-commit.ts'
import type { RefusedCalls } from './audit/refused-calls.ts'
import type { Conversations } from './conversation/conversations.ts'
import type { State } from './conversation/input-required.ts'
import type { Talk } from './conversation/talk.ts'
import type { GrantRates } from './grant-rates.ts'
import type { HoldParts } from './holding/hold.ts'
import type { InFlight } from './in-flight.ts'
import type { Limits } from './limits.ts'
import type { ReadMethod } from './methods.ts'
import type { BrokerMetrics } from './metrics.ts'
import type { RateLimits } from './rate-limits.ts'
import type { BrokeredTask } from './tasks/task-ids.ts'
import type { TaskMethod } from './tasks/task-methods.ts'
import type { RequestTelemetry, Tracer } from './telemetry/request-telemetry.ts'
import type { UpstreamHealth } from './upstream/health.ts'
import type { RpcReply } from './upstream/http.ts'
import type { UpstreamPool } from './upstream/pool.ts'
import type { BrokeredServer, BrokerView } from './view/view.ts'
import type { Era, RpcId } from './wire.ts'

export type PipelineParts = {
  view: BrokerView
  audit: GroupCommit
  refusedCalls: RefusedCalls
  upstreams: UpstreamPool
  health: UpstreamHealth
  rates: RateLimits
  grantRates: GrantRates
  inFlight: InFlight
  holding: HoldParts
  metrics: BrokerMetrics
  /** Null when tracing is off. */
  tracer: Tracer | null
  conversations: Conversations
  limits: Limits
  portalUrl: string
  now: () => Date
  /** Reads what the registry says now; many who ask at once are one. Never rejects. */
  refresh: () => Promise<void>
  /** Looks at what a server offers now; many who ask at once are one. */
  lookAgain: (server: BrokeredServer) => Promise<unknown>
}

/** One request of an agent whose token is verified and who may speak to the broker. */
export type AgentRequest = {
  era: Era
  id: RpcId
  params: Record<string, unknown>
  /** As the agent sent them, when a person changed them: now, or before the call asked for what it goes on with. */
  sent?: Record<string, unknown>
  caller: Caller
  agent: AgentFacts
  /** Null on the merged endpoint, where a tool's name says its server. */
  serverId: string | null
  /** What is called when it is no tool. */
  method?: ReadMethod | TaskMethod
  /** It has less time than a call at its server. */
  deadlineMs?: number
  /** What task the request is about. */
  task?: BrokeredTask
  /** What it says about its session is of several servers: it is kept with the first and answered to all. */
  once?: { kept: Promise<RpcReply> | null }
  /** The exchange with the agent until its answer. */
  talk: Talk
  /** What it goes on from, when it does. */
  state?: State | null
  /** Aborted when the agent goes away. */
  gone: AbortSignal
  /** Aborted when its connection is lost: before 2026-07-28 that is no cancellation. */
  left: AbortSignal
  telemetry: RequestTelemetry
}

export const invalidParamsCode = -32602

/** Whether the row became durable in time. */
export async function recorded(
  parts: PipelineParts,
  row: Parameters<GroupCommit['append']>[0],
  options: { happened: boolean; telemetry?: RequestTelemetry },
): Promise<boolean> {
  const startedAt = performance.now()
  try {
    await parts.audit.append(row, options)
    return true
  } catch (error) {
    if (error instanceof AuditUnavailable) return false
    throw error
  } finally {
    options.telemetry?.took('audit', startedAt)
  }
}
