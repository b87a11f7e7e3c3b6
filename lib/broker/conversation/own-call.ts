import type { AgentSession } from '../endpoint/sessions.ts'
import { limitsFor } from '../limits.ts'
import { mayStream } from '../large/may-stream.ts'
import { messageFor } from '../methods.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import { sessionlessTask } from '../tasks/refusals.ts'
import { isOfTask, waitForTask } from '../tasks/replies.ts'
import { aboutSessionTask } from '../tasks/session-tasks.ts'
import { untilAborted } from '../until-aborted.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import { CutOff, UpstreamFailure } from '../upstream/failure.ts'
import type { RpcReply } from '../upstream/http.ts'
import type { UpstreamSession } from '../upstream/request.ts'
import type { Turn } from './conversation.ts'
import { markedCall, OwnSessionRelay } from './own-session.ts'
import { AskRefused } from './refusal.ts'
import { sessionAt } from './session-at.ts'

type At = { turn: Turn; connection: UpstreamConnection; session: AgentSession; own: UpstreamSession }

/** Sends a request in the session at the server that belongs to the agent's own. */
export async function callInOwnSession(parts: PipelineParts, request: AgentRequest, at: At): Promise<RpcReply> {
  if (request.serverId !== null) return await callOnce(parts, request, at)
  try {
    return await callOnce(parts, request, at)
  } catch (error) {
    if (!isGone(error)) throw error
    if (request.task) throw new AskRefused(sessionlessTask, 'upstream_error')
    // The server has forgotten the session, so it has not looked at the request. That of the agent has others: it goes on with a new one here.
    await parts.conversations.serverSessions.forget(request.talk.session!, at.turn.server, at.session)
    const session = await sessionAt(parts, request, at)
    if (!session?.upstream) throw new UpstreamFailure('unreachable', 'it has forgotten its session and begins no other')
    return await callOnce(parts, request, { ...at, session, own: session.upstream }).catch((again: unknown) => {
      throw isGone(again) ? new UpstreamFailure('unreachable', 'it forgets sessions as soon as they begin') : again
    })
  }
}

async function callOnce(
  parts: PipelineParts,
  request: AgentRequest,
  { turn, connection, session, own }: At,
): Promise<RpcReply> {
  const { tool, running, trace } = turn
  const { talk } = request
  const { signal } = running
  // The agent asked for the stream first, and what the server has to say over it may be about this call.
  if (session.opening) await untilAborted(session.opening, signal)
  const relay = new OwnSessionRelay(parts, request, { ...turn, session, connection })
  if (tool.isMethod && tool.name === 'tasks/result') waitForTask(parts, turn)
  const isTask = isOfTask(request)
  let isOver = !isTask
  const cuts = talk.stream.accepts && !isTask
  const { cut, release } = parts.conversations.heldStreams.hold(session, markedCall(request, turn, parts.now()))
  try {
    const reply = await connection.request({
      ...messageFor(request.params, tool),
      trace,
      signal,
      running,
      streams: mayStream(turn),
      limits: limitsFor(parts.limits, turn),
      hold: (bytes) => running.hold(bytes, parts.limits.heldBytesMax),
      envelope: talk.envelope({ shared: false }),
      relay,
      own: { session: own, id: request.id!, cuts, ...(cuts ? { cut } : {}) },
    })
    return await aboutSessionTask(parts, request, { turn, reply, own })
  } catch (error) {
    if (error instanceof CutOff) isOver = false
    throw error
  } finally {
    release()
    // What goes on in another stream, or in the background, still waits for what it asked.
    if (isOver) relay.end()
  }
}

function isGone(error: unknown): boolean {
  return error instanceof UpstreamFailure && error.kind === 'session_gone'
}
