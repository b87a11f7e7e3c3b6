import type { AgentFacts, GrantFacts, ToolCall, ToolFacts } from '#lib/guardrails/rules/facts.ts'
import type { CallRecord } from '../audit/records.ts'
import type { Running } from '../in-flight.ts'
import { limitsFor } from '../limits.ts'
import { mayStream } from '../large/may-stream.ts'
import { messageFor } from '../methods.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import { aboutTask, takesTask, withTasks } from '../tasks/replies.ts'
import { isTaskMethod } from '../tasks/task-methods.ts'
import { becomesTask } from '../tasks/offered.ts'
import { askWithoutSession, callAsTask } from '../tasks/task-without-session.ts'
import { askTranslated } from '../tasks/translated.ts'
import type { TraceContext } from '../telemetry/trace-context.ts'
import type { RpcReply } from '../upstream/http.ts'
import { processCaller } from '../upstream/pool.ts'
import type { BrokeredServer } from '../view/view.ts'
import type { AnswerTime } from './answer-time.ts'
import { askable } from './asks.ts'
import { askedByResult } from './input-required.ts'
import { callInOwnSession } from './own-call.ts'
import { sessionAt } from './session-at.ts'
import { resumeSuspended, runInSession } from './suspended.ts'
import { answerLocally } from './session-methods.ts'
import { givenWhatIsAsked, unprovenIn, withoutAnswers } from './unproven.ts'

export type Turn = {
  server: BrokeredServer
  /** As the call was decided for. */
  agent: AgentFacts
  tool: ToolFacts
  /** Under which the call is made. */
  grant: GrantFacts
  call: ToolCall
  running: Running
  /** How long it still has. */
  time: AnswerTime
  /** What it is recorded with. */
  record: CallRecord
  /** Its intent is on the record. */
  intended: boolean
  /** What the server's own spans are to hang below. */
  trace: TraceContext | null
}

/**
 * Sends a request that is allowed, and carries to and fro what comes before its reply. Whoever cannot be asked anything and has no session
 * of their own goes over the connection that all share: nothing but the reply and notifications can come back.
 */
export async function converse(parts: PipelineParts, request: AgentRequest, turn: Turn): Promise<RpcReply> {
  const { server, agent, tool, running, trace } = turn
  const { talk } = request
  const { signal } = running
  const streams = mayStream(turn)
  const connection = parts.upstreams.connectionTo(server, processCaller(agent))
  const hold = (bytes: number): boolean => running.hold(bytes, parts.limits.heldBytesMax)
  const limits = limitsFor(parts.limits, turn)
  const pending = sessionAt(parts, request, { turn, connection })
  const session = pending instanceof Promise ? await pending : pending
  const own = session?.upstream
  if (session && own) return await callInOwnSession(parts, request, { turn, connection, session, own })
  const { state } = request
  if (state?.suspended !== undefined) return await resumeSuspended(parts, request, { turn, id: state.suspended })
  const unproven = unprovenIn(request)
  const brought = state ? withState(request.params, state.upstream) : request.params
  const params = unproven || state?.again ? withoutAnswers(brought) : brought
  const local = await answerLocally(parts, request, { connection, method: tool, signal })
  if (local) return local
  const { task, method } = request
  if (talk.era === 'modern' && task?.session && isTaskMethod(method))
    return await askWithoutSession(parts, request, { turn, connection, task, session: task.session, method })
  if (becomesTask(parts, request, tool)) {
    const called = await callAsTask(parts, { ...request, params }, { turn, connection })
    if (called) return called
  }
  const capabilities = askable(parts, request, { serverId: server.id, declared: talk.capabilities })
  if (capabilities) {
    const { era } = await connection.ready(signal)
    if (era === 'legacy') return await runInSession(parts, { ...request, params }, { turn, connection, capabilities })
  }
  const taken = takesTask(parts, request, turn)
  if (talk.era === 'legacy' && task && isTaskMethod(method))
    return await askTranslated(parts, request, { turn, connection, task, method })
  const told = taken ? withTasks(capabilities) : capabilities
  const sent = taken ? withoutTaskHint(params) : params
  const send = (more: Record<string, unknown>): Promise<RpcReply> =>
    connection.request({
      ...messageFor({ ...sent, ...more }, tool),
      trace,
      signal,
      running,
      streams,
      limits,
      hold,
      envelope: { ...talk.envelope({ shared: true }), ...(told ? { capabilities: told } : {}) },
      relay: talk,
    })
  let reply = await send({})
  if (unproven && isAsking(reply)) {
    reply = (await givenWhatIsAsked(parts, request, { server, reply, unproven, send })) ?? reply
  }
  const last =
    isAsking(reply) && !request.task
      ? await askedByResult(parts, request, { turn, connection, capabilities: told, reply })
      : reply
  return await aboutTask(parts, request, { turn, reply: last, taken })
}

function isAsking(reply: RpcReply): reply is RpcReply & { ok: true } {
  return reply.ok && reply.result['resultType'] === 'input_required'
}

/** From 2026-07-28 on a client says that it takes tasks, not that it wants one. */
function withoutTaskHint(params: Record<string, unknown>): Record<string, unknown> {
  const { task: _, ...rest } = params
  return rest
}

/** Its own state for the server, and none where it gave none. */
function withState(brought: Record<string, unknown>, upstream: string | undefined): Record<string, unknown> {
  const { requestState: _, ...params } = brought
  return upstream === undefined ? params : { ...params, requestState: upstream }
}
