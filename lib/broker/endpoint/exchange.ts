import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AgentFacts, Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { RefusedCallers } from '../audit/refused-callers.ts'
import type { StrangerLog } from '../audit/strangers.ts'
import type { UnknownCallers } from '../audit/unknown-callers.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import type { ViewKeeper } from '../view/keeper.ts'
import { type Answer, type Pointer, type RpcId, refusedAnswer } from '../wire.ts'
import type { Authentication } from './authenticate.ts'
import type { Cancellations } from './cancellations.ts'
import type { ResourceAddresses } from './challenge.ts'
import type { Malformed } from './malformed.ts'
import type { RequestBodies } from './request-bodies.ts'
import type { SdkEndpoint } from './sdk.ts'
import type { UnreadAnswers } from './unread-answers.ts'

export type McpEndpointParts = {
  pipeline: PipelineParts
  keeper: ViewKeeper
  authentication: Authentication
  strangers: StrangerLog
  refusedCallers: RefusedCallers
  unknownCallers: UnknownCallers
  sdk: SdkEndpoint
  cancellations: Cancellations
  bodies: RequestBodies
  unread: UnreadAnswers
  addresses: ResourceAddresses
  isDraining: () => boolean
}

export type Exchange = {
  request: IncomingMessage
  response: ServerResponse
  serverId: string | null
  gone: AbortSignal
}
export type Admitted = { caller: Caller; agent: AgentFacts }

/** A refusal before anything is decided about a call. */
export function refused(
  parts: McpEndpointParts,
  status: number,
  denial: Denial,
  pointer: Omit<Pointer, 'portalUrl'> = {},
  id: RpcId = null,
  serverId: string | null | undefined = pointer.serverId,
): Answer {
  const { servers, agents } = parts.keeper.view
  // What is made up names no series.
  const server = serverId && servers.has(serverId) ? serverId : ''
  parts.pipeline.metrics.refused(denial.rule, { server, agentClass: agents.get(pointer.agentId ?? '')?.tier ?? '' })
  return refusedAnswer(status, id, denial, { portalUrl: parts.pipeline.portalUrl, ...pointer })
}

/** A request that its protocol refuses. */
export function malformed(parts: McpEndpointParts, { denial, answer }: Malformed): Answer {
  parts.pipeline.metrics.refused(denial.rule)
  return answer
}

/** What is no call, of an agent that asks too often. */
export function tooOften(parts: McpEndpointParts, { caller }: Admitted, denial: Denial, id: RpcId = null): Answer {
  return refused(parts, 429, denial, { agentId: caller.agentId }, id)
}
