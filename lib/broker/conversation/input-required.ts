import { z } from 'zod'
import { parseJson } from '#lib/core/parse-json.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import { mayStream } from '../large/may-stream.ts'
import { limitsFor } from '../limits.ts'
import { messageFor, recordedArguments } from '../methods.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import { untilAborted } from '../until-aborted.ts'
import type { RpcReply } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { type Ask, asksAtOnceMax, byAnswer, isAsk, permit } from './asks.ts'
import type { Turn } from './conversation.ts'
import { inSession } from './in-session.ts'
import { AskRefused, askedTooMuch, asksOther, asksTooMuch, takesNone } from './refusal.ts'

const roundsMax = 8
const stateContent = z.strictObject({
  upstream: z.string().optional(),
  suspended: z.string().optional(),
  again: z.literal(true).optional(),
  edited: z.custom<Record<string, unknown>>((value) => typeof value === 'object' && value !== null).optional(),
  asked: z.record(z.string(), z.string()),
  until: z.int(),
})
const asked = z.record(z.string(), z.looseObject({ method: z.string(), params: z.unknown().optional() }))

/**
 * The state of a call that waits for answers: the server's own, or which call waits here, or that the call is made again without them; what an approver made of its arguments, if they
 * changed them; what was asked for, the methods by their keys; and until when it is good, in milliseconds since 1970.
 */
export type State = z.infer<typeof stateContent>

/** The state that an agent brings back; null for one that is not of this agent and this call. */
export async function openState(parts: PipelineParts, request: AgentRequest, call: ToolCall): Promise<State | null> {
  const { requestState } = request.params
  if (typeof requestState !== 'string') return null
  const text = await parts.conversations.sessions.unseal(requestState, contextOf(request, call))
  const parsed = stateContent.safeParse(text === null ? null : parseJson(text))
  return parsed.success ? parsed.data : null
}

/** A state travels sealed: agents share the broker's identity at a server, so the server cannot tell whose state it is. */
export function sealState(
  parts: PipelineParts,
  request: AgentRequest,
  { call, state }: { call: ToolCall; state: Omit<State, 'edited' | 'until'> },
): Promise<string> {
  const { sent, params } = request
  const edited = sent ? { edited: params['arguments'] } : {}
  const until = parts.now().getTime() + parts.limits.stateMs
  return parts.conversations.sessions.seal(JSON.stringify({ ...state, ...edited, until }), contextOf(request, call))
}

/**
 * A server of 2026-07-28 needs input before it goes on. An agent of the same revision is given the result, with what it is asked for
 * decided about; one with a session is asked over its stream, and the request sent again with its answers.
 */
export async function askedByResult(
  parts: PipelineParts,
  request: AgentRequest,
  options: {
    turn: Turn
    connection: UpstreamConnection
    capabilities: Record<string, unknown> | null
    reply: RpcReply & { ok: true }
  },
): Promise<RpcReply> {
  const { turn, connection, capabilities } = options
  const { talk, caller } = request
  const { running, time, tool, server, call } = turn
  let { reply } = options
  for (let round = 0; round < roundsMax; round += 1) {
    const { inputRequests = {}, requestState } = reply.result
    const parsed = asked.safeParse(inputRequests)
    if (!parsed.success) throw new UpstreamFailure('malformed', 'it asks for input in a way MCP does not know')
    const demanded = Object.entries(parsed.data)
    if (demanded.length > asksAtOnceMax) throw new UpstreamFailure('malformed', asksTooMuch)
    const asks: [string, Ask][] = []
    for (const [key, ask] of demanded) {
      running.signal.throwIfAborted()
      asks.push([key, await demand(parts, request, { server, ask })])
    }
    if (talk.era === 'modern') {
      const upstream = typeof requestState === 'string' ? { upstream: requestState } : {}
      const sealed = sealState(parts, request, { call, state: { ...upstream, asked: methodsOf(asks) } })
      const state = await untilAborted(sealed, running.signal)
      // What was decided about and nothing else: a key may have been passed over.
      const told = reply.result['inputRequests'] === undefined ? {} : { inputRequests: Object.fromEntries(asks) }
      return { ok: true, result: { ...reply.result, ...told, requestState: state } }
    }
    if ((!talk.stream.accepts || !talk.session) && asks.length > 0) throw new AskRefused(takesNone(server.id))
    const inputResponses: Record<string, unknown> = {}
    for (const [key, ask] of asks) {
      time.asked(ask.method)
      const asking = parts.conversations.questions.ask(caller, talk, {
        ask: inSession(ask),
        where: { serverId: server.id, tool: tool.name },
        signal: running.signal,
      })
      const answer = await asking.finally(() => time.answered())
      if ('error' in answer) return { ok: false, status: 200, error: answer.error }
      inputResponses[key] = answer.result
    }
    // It goes on by itself.
    if (asks.length === 0) time.progressed()
    // That it wants a task an agent with a session says in a way of its own.
    const { task: _, ...params } = request.params
    const next = await connection.request({
      ...messageFor({ ...params, inputResponses, requestState }, tool),
      trace: turn.trace,
      signal: running.signal,
      streams: mayStream(turn),
      limits: limitsFor(parts.limits, turn),
      hold: (bytes) => running.hold(bytes, parts.limits.heldBytesMax),
      envelope: { ...talk.envelope({ shared: true }), ...(capabilities ? { capabilities } : {}) },
      relay: talk,
    })
    if (!next.ok || next.result['resultType'] !== 'input_required') return next
    reply = next
  }
  throw new AskRefused(askedTooMuch(server.id))
}

/** The methods of what is asked, by their keys. */
export function methodsOf(asks: Iterable<readonly [string, Ask]>): Record<string, string> {
  return Object.fromEntries([...asks].map(([key, { method }]) => [key, method]))
}

/** What the agent is asked; throws when it may not be. On the record either way. */
async function demand(
  parts: PipelineParts,
  request: AgentRequest,
  { server, ask }: { server: BrokeredServer; ask: Ask },
): Promise<Ask> {
  if (!isAsk(ask.method)) throw new AskRefused(asksOther(server.id))
  const occasion = request.talk.era === 'modern' ? byAnswer : request.talk
  const permitted = await permit(parts, request, { server, ask, occasion })
  if (!permitted.ok) throw new AskRefused(permitted.error)
  return permitted.value
}

/** What was decided about, held and recorded is what goes on: other arguments are another call. */
function contextOf({ params, sent }: AgentRequest, { caller, serverId, tool, isMethod }: ToolCall): string {
  const { requestState: _, inputResponses: __, ...own } = sent ?? params
  const digest = digestOf(recordedArguments(own, isMethod === true) ?? {})
  return `mcp-state:${caller.agentId}:${caller.runId ?? ''}:${serverId}:${tool}:${digest}`
}
