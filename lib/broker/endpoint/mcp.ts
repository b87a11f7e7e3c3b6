import type { IncomingMessage } from 'node:http'
import { parseJson } from '#lib/core/parse-json.ts'
import { decideCaller } from '#lib/guardrails/rules/decide.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import { requestLimitsFor } from '#lib/guardrails/rules/own-limits.ts'
import { requestTooDeep, requestTooLarge } from '#lib/guardrails/rules/request-limits.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { inexactDenial } from '../denials.ts'
import { subscribe } from '../conversation/subscriptions.ts'
import { Talk } from '../conversation/talk.ts'
import { listTools } from '../listing.ts'
import { resolveMerged } from '../merged-names.ts'
import { isSessionMethod } from '../methods.ts'
import { readMethod } from '../passing.ts'
import { callTool } from '../call-tool.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import { servesTasks } from '../tasks/offered.ts'
import { answerTask } from '../tasks/requests.ts'
import { isTaskMethod } from '../tasks/task-methods.ts'
import { RequestTelemetry } from '../telemetry/request-telemetry.ts'
import type { Answer, RpcId } from '../wire.ts'
import { AgentStream } from './agent-stream.ts'
import { BodyRefused, BodyTooLarge, readBody, send, sendUnread, singleHeader } from './http-messages.ts'
import { authenticate } from './authenticate.ts'
import { cancelledId } from './cancellations.ts'
import { type Admitted, type Exchange, malformed, type McpEndpointParts, refused, tooOften } from './exchange.ts'
import { notJson, notJsonContent } from './malformed.ts'
import { isMessage } from './messages.ts'
import { answerOther, answerRest, answerWithoutBody, listenerOf, requestKey } from './other-exchanges.ts'
import { observed } from './observed.ts'
import { type BrokeredMethod, isBrokered, paramMismatch, readRequest } from './protocol.ts'
import { refuseCaller, refuseRequest, refuseSession, refuseToken } from './refusing.ts'
import type { BodyRefusal } from './request-bodies.ts'
import { sessionNamed, TooManyNames } from './session-requests.ts'
import { sessionHeader } from './sessions.ts'

/** `/mcp/{server}`, and `/mcp` for all an agent is granted (server null): who calls, whether they may speak at all, what they say, and then the way of a call. */
export async function answerMcp(parts: McpEndpointParts, exchange: Exchange): Promise<void> {
  const { request, response, serverId, gone } = exchange
  const startedAt = performance.now()
  const admitted = await admit(parts, request, serverId)
  const admittedAt = performance.now()
  if ('status' in admitted) return send(response, admitted)
  const rest = { ...exchange, ...admitted }
  if (request.method !== 'POST') {
    if (parts.isDraining()) return send(response, drainingAnswer(parts))
    return await observed(parts, rest, { body: undefined, startedAt, admittedAt }, () => answerWithoutBody(parts, rest))
  }
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    return send(response, malformed(parts, notJsonContent))
  }
  const limits = requestLimitsFor(parts.pipeline.limits, admitted.agent)
  let text: string
  try {
    const full = parts.unread.refusalOf(admitted.caller.agentId)
    if (full) throw new BodyRefused(full)
    text = await readBody(request, limits.requestBytesMax, request.complete ? undefined : holdBody(parts, rest))
  } catch (error) {
    const isTooLarge = error instanceof BodyTooLarge
    if (!isTooLarge && !(error instanceof BodyRefused)) throw error
    const refusal = isTooLarge ? { status: 413, denial: requestTooLarge(limits) } : error.refusal
    const answer = await refuseRequest(parts, rest, refusal)
    return sendUnread(request, response, { ...answer, bytesMax: limits.requestBytesMax })
  }
  // The body may have been long in coming.
  const turned = turnedAway(parts, request, { serverId, caller: admitted.caller })
  if (turned) return send(response, await turned)
  const body = bodyOf(text)
  if (body === undefined) return send(response, malformed(parts, notJson))
  const unfit = requestTooDeep(body, limits) ?? inexactDenial(text)
  if (unfit) return send(response, await refuseRequest(parts, rest, { status: 400, denial: unfit, body }))
  // What is under way may still be cancelled, and answered.
  const isOver = isMessage(body) && (cancelledId(body) !== undefined || body['method'] === undefined)
  if (parts.isDraining() && !isOver) return send(response, drainingAnswer(parts))
  if (!isBrokered(body))
    return await observed(parts, rest, { body, startedAt, admittedAt }, () => answerOther(parts, rest, { text, body }))
  const rpc = readRequest(body, {
    version: singleHeader(request, 'mcp-protocol-version'),
    method: singleHeader(request, 'mcp-method'),
    name: singleHeader(request, 'mcp-name'),
  })
  if (!rpc.ok) return send(response, rpc.error)
  const { era, id, method, params } = rpc.value
  const named = era === 'legacy' ? sessionNamed(parts.pipeline, rest, singleHeader(request, sessionHeader)) : undefined
  const session = named instanceof Promise ? await named : named
  if (session === null) return send(response, await refuseSession(parts, rest, body))
  if (session instanceof TooManyNames) return send(response, tooOften(parts, rest, session.denial, id))
  // What is no method here the SDK says as it says it of any other: those of sessions since 2026-07-28, those of tasks where there are none.
  const isNone = isTaskMethod(method)
    ? !servesTasks(parts.pipeline, { ...rest, era }, { method, session })
    : era === 'modern' && isSessionMethod(method)
  if (isNone) return answerRest(parts, rest, { text, body })
  if (method === 'subscriptions/listen') {
    if (era === 'legacy') return answerRest(parts, rest, { text, body })
    return await observed(parts, rest, { body, startedAt, admittedAt }, async () => {
      const answer = await subscribe(parts.pipeline, listenerOf(rest), { id, params })
      if (answer) send(response, answer)
    })
  }
  const mismatch = era === 'modern' && method === 'tools/call' ? disagreement(parts, rest, { id, params }) : null
  if (mismatch) return send(response, mismatch)
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
  const stream = new AgentStream(response, request.headers.accept, era)
  const talk = new Talk(era, params, { stream, session: session ?? null, merged: serverId === null })
  try {
    const signals = { gone: cancellable.gone, left: gone }
    const agentRequest = { ...admitted, era, id, params, serverId, talk, ...signals, telemetry }
    await stream.finish(await answerBrokered(parts.pipeline, agentRequest, method))
  } finally {
    telemetry.end()
    cancellable.end()
    parts.unread.hold(admitted.caller.agentId, response)
  }
}

/** The connection is closed as well, so that whoever keeps it finds another replica. */
function drainingAnswer(parts: McpEndpointParts): Answer {
  const answer = refused(parts, 503, { rule: 'draining', message: 'This broker is being stopped.' })
  return { ...answer, headers: { ...answer.headers, connection: 'close' } }
}

type Answered = Exclude<BrokeredMethod, 'subscriptions/listen'>

function answerBrokered(parts: PipelineParts, request: AgentRequest, method: Answered): Promise<Answer> {
  if (method === 'tools/call') return callTool(parts, request)
  if (isTaskMethod(method)) return answerTask(parts, request, method)
  return method === 'tools/list' ? listTools(parts, request) : readMethod(parts, request, method)
}

/** Counts what comes of a body after its head, until the exchange is over. */
function holdBody({ bodies }: McpEndpointParts, { response, caller: { agentId } }: Exchange & Admitted) {
  let held = 0
  response.once('close', () => bodies.letGo(agentId, held))
  return (bytes: number): BodyRefusal | null => {
    const refusal = bodies.hold(agentId, bytes)
    if (!refusal) held += bytes
    return refusal
  }
}

/** Arguments that headers mirror have to be in both, and the same. */
function disagreement(
  parts: McpEndpointParts,
  { request, serverId }: Exchange,
  { id, params }: { id: RpcId; params: Record<string, unknown> },
): Answer | null {
  const { name } = params
  if (typeof name !== 'string') return null
  const { servers } = parts.keeper.view
  const target = serverId === null ? resolveMerged(servers, name) : { serverId, tool: name }
  const definition = target && servers.get(target.serverId)?.tools.get(target.tool)?.definition
  return definition ? paramMismatch(id, definition['inputSchema'], { params, headers: request.headers }) : null
}

/** Who calls, or the answer that refuses them. */
async function admit(
  parts: McpEndpointParts,
  request: IncomingMessage,
  serverId: string | null,
): Promise<Admitted | Answer> {
  const stale = staleView(parts)
  if (stale) return stale
  const path = pathOf(serverId)
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

/** What is true of a caller who was admitted may no longer be when all is said; null while it is. */
function turnedAway(
  parts: McpEndpointParts,
  request: IncomingMessage,
  { serverId, caller }: { serverId: string | null; caller: Caller },
): Answer | Promise<Answer> | null {
  const stale = staleView(parts)
  if (stale) return stale
  const decision = decideCaller(caller, parts.keeper.view)
  if (decision.ok) return null
  return refuseToken(parts, request, { path: pathOf(serverId), serverId, caller, denial: decision.error })
}

function staleView(parts: McpEndpointParts): Answer | null {
  if (parts.keeper.ageMs() <= parts.pipeline.limits.viewAgeMsMax) return null
  return refused(parts, 503, { rule: 'view_stale', message: 'The registry could not be read for too long.' })
}

function pathOf(serverId: string | null): string {
  return serverId === null ? '/mcp' : `/mcp/${serverId}`
}

function bodyOf(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
