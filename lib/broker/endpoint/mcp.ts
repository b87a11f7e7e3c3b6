import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { decideCaller } from '#lib/guardrails/rules/decide.ts'
import type { AgentFacts, Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { AuditUnavailable } from '../audit/group-commit.ts'
import { callerRefusedRow } from '../audit/records.ts'
import type { StrangerLog } from '../audit/strangers.ts'
import { isDeeperThan } from '../depth.ts'
import { listTools } from '../listing.ts'
import { passedTo, readMethod } from '../passing.ts'
import { type AgentRequest, callTool, type PipelineParts } from '../pipeline.ts'
import { RequestTelemetry } from '../telemetry/request-telemetry.ts'
import type { ViewKeeper } from '../view/keeper.ts'
import { type Answer, errorAnswer, type RpcId, refusedAnswer } from '../wire.ts'
import { BodyTooLarge, readBody, send, singleHeader } from './http-messages.ts'
import { type Authentication, authenticate, schemeOf } from './authenticate.ts'
import { cancelledId, type Cancellations, type RequestKey } from './cancellations.ts'
import { challenge, type ResourceAddresses, statusOf } from './challenge.ts'
import { type BrokeredMethod, isBrokered, readRequest } from './protocol.ts'
import { ProgressStream } from './progress-stream.ts'
import { answerWithSdk, sessionHeader, type SdkEndpoint } from './sdk.ts'

export type McpEndpointParts = {
  pipeline: PipelineParts
  keeper: ViewKeeper
  authentication: Authentication
  strangers: StrangerLog
  sdk: SdkEndpoint
  cancellations: Cancellations
  addresses: ResourceAddresses
  isDraining: () => boolean
}

type Exchange = { request: IncomingMessage; response: ServerResponse; serverId: string | null; gone: AbortSignal }
type Admitted = { caller: Caller; agent: AgentFacts }

/** `/mcp/{server}`, and `/mcp` for all an agent is granted (server null): who calls, whether they may speak at all, what they say, and then the way of a call. */
export async function answerMcp(parts: McpEndpointParts, exchange: Exchange): Promise<void> {
  const { request, response, serverId, gone } = exchange
  const startedAt = performance.now()
  const admitted = await admit(parts, request, serverId)
  const admittedAt = performance.now()
  if ('status' in admitted) return send(response, admitted)
  const rest = { ...exchange, ...admitted }
  if (request.method !== 'POST' && parts.isDraining()) return send(response, drainingAnswer(parts))
  if (request.method !== 'POST') return answerRest(parts, rest, { text: null, body: undefined })
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    return send(response, errorAnswer(415, null, { code: -32000, message: 'Send application/json.' }))
  }
  let text: string
  try {
    text = await readBody(request, parts.pipeline.limits.requestBytesMax)
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error
    return send(response, refused(parts, 413, { rule: 'request_too_large', message: error.message }))
  }
  const body = parseJson(text)
  if (body === undefined) {
    return send(
      response,
      errorAnswer(400, null, { code: -32700, message: 'Parse error: the request body is not valid JSON' }),
    )
  }
  const { requestDepthMax } = parts.pipeline.limits
  if (isDeeperThan(body, requestDepthMax)) {
    const message = `A request may be nested ${requestDepthMax} levels deep.`
    return send(response, refused(parts, 400, { rule: 'request_too_deep', message }))
  }
  const cancelled = cancelledId(body)
  if (cancelled !== undefined) cancel(parts, requestKey(exchange, admitted, cancelled))
  // What is under way may still be cancelled.
  else if (parts.isDraining()) return send(response, drainingAnswer(parts))
  if (!isBrokered(body, { merged: serverId === null })) return answerRest(parts, rest, { text, body })
  const rpc = readRequest(body, {
    version: singleHeader(request, 'mcp-protocol-version'),
    method: singleHeader(request, 'mcp-method'),
    name: singleHeader(request, 'mcp-name'),
  })
  if (!rpc.ok) return send(response, rpc.error)
  const { era, id, method, params } = rpc.value
  // Before 2026-07-28 a lost connection is no cancellation, a notification is: else what was begun is brought to its end.
  const cancellable =
    era === 'legacy' ? parts.cancellations.begin(requestKey(exchange, admitted, id)) : { gone, end() {} }
  const { headers } = request
  const facts = {
    method,
    id,
    protocolVersion: singleHeader(request, 'mcp-protocol-version') ?? 'unknown',
    sessionId: singleHeader(request, sessionHeader),
    agentId: admitted.agent.id,
    agentClass: admitted.agent.tier,
    serverId,
  }
  const telemetry = new RequestTelemetry(parts.pipeline, facts, {
    startedAt,
    admittedAt,
    meta: params['_meta'],
    headers,
  })
  try {
    const stream = new ProgressStream(request, response, params)
    const { onProgress } = stream
    const signals = { gone: cancellable.gone, left: gone }
    const agentRequest = { ...admitted, era, id, params, serverId, ...signals, telemetry, onProgress }
    stream.finish(await answerBrokered(parts.pipeline, agentRequest, method))
  } finally {
    telemetry.end()
    cancellable.end()
  }
}

/** Here, or at the replica that has the request. Telling the others costs something, so it counts as a call. */
function cancel({ cancellations, pipeline }: McpEndpointParts, key: RequestKey): void {
  if (!cancellations.cancel(key) && pipeline.rates.takeForAgent(key.agentId) === null) cancellations.tellOthers(key)
}

/** The connection is closed as well, so that whoever keeps it finds another replica. */
function drainingAnswer(parts: McpEndpointParts): Answer {
  const answer = refused(parts, 503, { rule: 'draining', message: 'This broker is being stopped.' })
  return { ...answer, headers: { ...answer.headers, connection: 'close' } }
}

function answerBrokered(parts: PipelineParts, request: AgentRequest, method: BrokeredMethod): Promise<Answer> {
  if (method === 'tools/call') return callTool(parts, request)
  return method === 'tools/list' ? listTools(parts, request) : readMethod(parts, request, method)
}

/** A client that names no session cannot be told from another one of the same run: nothing of it can be cancelled. */
function requestKey({ request }: Exchange, { caller }: Admitted, id: RpcId): RequestKey {
  const session = singleHeader(request, sessionHeader) ?? randomUUID()
  return { agentId: caller.agentId, runId: caller.runId, session, id }
}

async function answerRest(
  parts: McpEndpointParts,
  exchange: Exchange & Admitted,
  { text, body }: { text: string | null; body: unknown },
): Promise<void> {
  const { request, response, gone } = exchange
  const url = parts.addresses.brokerUrl + (request.url ?? '')
  const { method = 'GET', headers } = request
  return answerWithSdk(
    parts.sdk.handlerFor(passedTo(parts.pipeline, exchange)),
    { url, method, headers, text, body, gone },
    response,
  )
}

/** Who calls, or the answer that refuses them. */
async function admit(
  parts: McpEndpointParts,
  request: IncomingMessage,
  serverId: string | null,
): Promise<Admitted | Answer> {
  if (parts.keeper.ageMs() > parts.pipeline.limits.viewAgeMsMax) {
    return refused(parts, 503, { rule: 'view_stale', message: 'The registry could not be read for too long.' })
  }
  const path = serverId === null ? '/mcp' : `/mcp/${serverId}`
  const authenticated = await authenticate(parts.authentication, request, parts.addresses.brokerUrl + path)
  if (!authenticated.ok) return refuseToken(parts, request, { path, serverId, ...authenticated.error })
  const caller = authenticated.value
  let decision = decideCaller(caller, parts.keeper.view)
  // A run that began just now may not be in the view yet, nor an agent that was resumed.
  if (!decision.ok && decision.error.rule !== 'killed') {
    await parts.keeper.refreshSoon()
    decision = decideCaller(caller, parts.keeper.view)
  }
  if (!decision.ok) return refuseToken(parts, request, { path, serverId, caller, denial: decision.error })
  if (serverId !== null && !parts.keeper.view.servers.has(serverId)) {
    const denial: Denial = { rule: 'server_unknown', message: 'No server of this id is registered.' }
    return refuseCaller(parts, { status: 404, caller, serverId, denial })
  }
  return { caller, agent: decision.value.agent }
}

/** Refuses who calls, with the challenge; a caller the token names is recorded by name, everybody else by their address. */
async function refuseToken(
  parts: McpEndpointParts,
  request: IncomingMessage,
  about: { path: string; serverId: string | null; denial: Denial; caller: Caller | null },
): Promise<Answer> {
  const { path, serverId, denial, caller } = about
  const status = statusOf(denial)
  if (!caller) parts.strangers.note(denial, request.socket.remoteAddress ?? 'unknown')
  const answer = caller
    ? await refuseCaller(parts, { status, caller, serverId, denial })
    : refused(parts, status, denial)
  if (answer.status !== status) return answer
  const words = challenge(parts.addresses, { path, denial, scheme: schemeOf(request) })
  return { ...answer, headers: { ...answer.headers, 'www-authenticate': words } }
}

async function refuseCaller(
  parts: McpEndpointParts,
  { status, caller, serverId, denial }: { status: number; caller: Caller; serverId: string | null; denial: Denial },
): Promise<Answer> {
  const agent = parts.keeper.view.agents.get(caller.agentId)
  const row = callerRefusedRow(caller, denial, { agent, serverId, now: parts.pipeline.now() })
  try {
    await parts.pipeline.audit.append(row, { happened: false })
  } catch (error) {
    if (!(error instanceof AuditUnavailable)) throw error
    return refused(parts, 503, { rule: 'audit_unavailable', message: 'The audit log cannot be written now.' })
  }
  return refused(parts, status, denial, { agentId: caller.agentId, decisionId: String(row['id']) })
}

function refused(
  parts: McpEndpointParts,
  status: number,
  denial: Denial,
  pointer: { agentId?: string; decisionId?: string } = {},
  id: RpcId = null,
): Answer {
  parts.pipeline.metrics.refused(denial.rule)
  return refusedAnswer(status, id, denial, { portalUrl: parts.pipeline.portalUrl, ...pointer })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
