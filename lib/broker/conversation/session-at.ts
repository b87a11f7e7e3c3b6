import { hasSessionTasks } from '../tasks/offered.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import { type AgentSession, partOf } from '../endpoint/sessions.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import { askable } from './asks.ts'
import type { Turn } from './conversation.ts'
import { isKeptHere } from './session-methods.ts'
import { untilAborted } from '../until-aborted.ts'

const endMs = 2000
type At = { turn: Turn; connection: UpstreamConnection }

/**
 * The session that a request is made in, with its part at the server. At a server's own address that was settled as the session began. At the merged address it begins with the
 * first request for which the server keeps something: the events of its stream, or a task. Null: it goes over the connection all share.
 */
export function sessionAt(
  parts: PipelineParts,
  request: AgentRequest,
  at: At,
): AgentSession | null | Promise<AgentSession | null> {
  const { session } = request.talk
  if (!session || request.serverId !== null || isKeptHere(request, at.turn.call)) return session
  const { task } = request
  // Another session of the same agent may have begun it.
  if (task) return task.session ? partOf(session, task.session) : session
  const isTask = request.params['task'] !== undefined && hasSessionTasks(parts, at.turn.server.id)
  const keeps = isTask || parts.upstreams.keepsEvents(at.turn.server)
  return keeps ? partAt(parts, request, { ...at, session, isTask }) : session
}

async function partAt(
  parts: PipelineParts,
  request: AgentRequest,
  { turn, connection, session, isTask }: At & { session: AgentSession; isTask: boolean },
): Promise<AgentSession> {
  const { server, running } = turn
  const { signal } = running
  const capabilities = askable(parts, request, { serverId: server.id, declared: session.capabilities })
  const finding = parts.conversations.serverSessions.findOrOpen(session, server, {
    open: () => connection.openSession(capabilities ?? {}, AbortSignal.timeout(parts.limits.callDeadlineMs)),
    close: (begun) => void connection.endSession(begun, AbortSignal.timeout(endMs)).catch(() => {}),
  })
  try {
    const part = await untilAborted(finding, signal)
    if (!part && isTask) throw new UpstreamFailure('refused', 'it begins no session, which its tasks need')
    return part ?? session
  } catch (error) {
    signal.throwIfAborted()
    if (isTask)
      throw error instanceof UpstreamFailure
        ? error
        : new UpstreamFailure('unreachable', 'no session for a task could be kept')
    // Without one an answer may be lost with its connection, and nothing else.
    parts.holding.log.warn({ err: error, serverId: server.id }, 'a session at a server could not be begun')
    return session
  }
}
