import { type Allowed, decide } from '#lib/guardrails/rules/decide.ts'
import { bindingLimit } from '#lib/guardrails/rules/own-limits.ts'
import type { AgentSession } from '../endpoint/sessions.ts'
import { streamDenial } from '../denials.ts'
import { CallEnded, lateDenial } from '../in-flight.ts'
import { deadlineOf, limitsFor } from '../limits.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import { pause, untilBegun } from '../until-aborted.ts'
import { processCaller } from '../upstream/pool.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import type { EventMark, RpcMessage } from '../upstream/http.ts'
import { namedForAgent, namesTask } from '../tasks/messages.ts'
import { type Answer, errorAnswer, refusedAnswer, sessionGoneCode } from '../wire.ts'
import { AnswerTime } from './answer-time.ts'
import { everything, mayHear, mayHearAny } from './changes.ts'
import { markFor, readMark, requestDigest } from './event-marks.ts'
import { type Listener, listenModern, openLasting } from './listening.ts'
import { guardedAt } from './listening-at.ts'
import { listenForMerged } from './merged-stream.ts'
import { endOfRest } from './rest-of-call.ts'
import { serversOf } from './servers-of.ts'
import { forAgent, type StreamAbout } from './session-messages.ts'
import { refuseEvent, refusedStream, refuseStream } from './stream-refusals.ts'
import { change } from './subscriptions.ts'
import { notGiven, unopened } from './refusal.ts'
import { ToldStream } from './told-stream.ts'

/** How often a stream is asked for that another replica may have to let go of first. */
const busyTries = 50
const busyMs = 100
/** How long calls wait for the stream before them: a server may say nothing of it before there is something to tell. */
const openingMs = 500

/**
 * The stream of a session before 2026-07-28 that no call began: changes of what the agent may call, what its server tells, and after
 * `Last-Event-ID` what it has missed. Null when the stream was the answer.
 */
export async function openSessionStream(
  parts: PipelineParts,
  listener: Listener,
  { session, lastEventId }: { session: AgentSession; lastEventId: string | undefined },
): Promise<Answer | null> {
  const { serverId } = listener
  const tooOften = parts.rates.takeForAgent(listener.agent.id)
  if (tooOften) return refusedStream(parts, listener, { status: 429, id: null, denial: tooOften })
  const mark = lastEventId === undefined ? null : readMark(session, lastEventId)
  if (lastEventId !== undefined && !mark) return await refuseEvent(parts, listener)
  const { caller } = listener
  const server = parts.view.servers.get(serverId ?? mark?.serverId ?? '')
  // At the merged address the rest of a call's stream is of its server alone, in the session with that.
  const isRest = serverId === null && mark !== null
  const part = isRest ? server && (await parts.conversations.serverSessions.find(session, server)) : session
  if (!part) return await refuseEvent(parts, listener)
  const servers = server ? [server] : serversOf(parts, listener)
  const hearings = servers.flatMap((each) => mayHear(parts, { caller, serverId: each.id }, everything([])).hearings)
  const lasting = openLasting(parts, listener, {
    reads: hearings.map(({ call }) => call),
    toolsChanged: (stream) => void stream.send(change('tools')),
    last: null,
  })
  if (!lasting) return await refuseStream(parts, listener, { id: null, method: 'stream' })
  try {
    const about = { session: part, eventId: mark?.eventId ?? null, call: mark?.about ?? null }
    const answer = server ? await listenFirst(parts, listener, { server, lasting, ...about }) : null
    if (answer) {
      if (!listener.response.headersSent) return answer
      // It was told something meanwhile: that it is refused is said by the end.
      lasting.end(null)
      return null
    }
    if (!server) listenForMerged(parts, listener, { session, lasting, servers })
    lasting.stream.open()
    await lasting.closed
    return null
  } finally {
    lasting.release()
  }
}

/** What the agent sends after it has asked for the stream must not be before the stream at the server, which may tell something over it at once. */
async function listenFirst(
  parts: PipelineParts,
  listener: Listener,
  about: Omit<About, 'told'>,
): Promise<Answer | null> {
  const { session, server, lasting, call } = about
  const told = new ToldStream(parts, listener, server)
  const opening = listen(parts, listener, { ...about, told })
  const answer = await session.openingStream(opening, openingMs).catch((error: unknown) => {
    // Its agent has left, or is told already why it ended.
    if (lasting.signal.aborted) return null
    const denial = unopened(server.id, error)
    if (!denial) throw error
    return refusedStream(parts, listener, { status: denial.rule === 'upstream_deadline' ? 504 : 503, id: null, denial })
  })
  if (!answer && !lasting.signal.aborted) void told.open({ resumes: call, end: lasting.end })
  return answer
}

type About = StreamAbout & { eventId: string | null }

/** Begins to listen at the server; an answer when that refuses what the agent asked for. */
async function listen(parts: PipelineParts, listener: Listener, about: About): Promise<Answer | null> {
  const { session, server, lasting } = about
  const connection = parts.upstreams.connectionTo(server, processCaller(listener.agent))
  const of = { caller: listener.caller, serverId: server.id }
  if (!session.upstream && !mayHearAny(parts, of)) return null
  const notNow = streamDenial(parts.health, server)
  if (notNow) return refusedStream(parts, listener, { status: 503, id: null, denial: notNow })
  if (session.upstream) return await continueSession(parts, listener, { ...about, connection })
  const { era } = await connection.ready(lasting.signal)
  if (era === 'modern') listenForSession(parts, listener, { ...about, connection })
  return null
}

/** What is watched may change while the stream is open: then it listens again. */
function listenForSession(
  parts: PipelineParts,
  listener: Listener,
  about: About & { connection: UpstreamConnection },
): void {
  const { session, server, lasting, connection } = about
  let telling: AbortController | null = null
  let next: AbortController | null = null
  const begin = (): void => {
    // What has not begun yet is not waited for.
    next?.abort()
    const current = (next = new AbortController())
    const signal = AbortSignal.any([lasting.signal, current.signal])
    const told = async (message: RpcMessage): Promise<void> => {
      const guarded = await guardedAt(parts, listener, { server, guards: about.told, message })
      if (guarded) await lasting.stream.send(guarded)
    }
    // The next one has begun before this one ends, so that nothing is missed in between.
    const begun = (): void => {
      if (next !== current) return
      telling?.abort()
      telling = current
      next = null
    }
    const over = (): void => {
      if (!signal.aborted) lasting.end(null)
    }
    // Where the server tells nothing of it, the broker has still its own to tell.
    listenModern(connection, {
      filter: mayHear(parts, { caller: listener.caller, serverId: server.id }, everything(session.watched)).filter,
      signal,
      beginMs: deadlineOf(parts.limits, { server, agent: listener.agent }).limit,
      room: parts.inFlight.atOnce.room(parts.limits.heldBytesMax),
      begun,
      told,
    }).then((tells) => (tells ? over() : begun()), over)
  }
  session.onWatch = begin
  begin()
  lasting.signal.addEventListener('abort', () => {
    if (session.onWatch === begin) session.onWatch = null
  })
}

/** The stream of the session at the server that is this one's alone, or the rest of a call's stream. */
async function continueSession(
  parts: PipelineParts,
  listener: Listener,
  about: About & { connection: UpstreamConnection },
): Promise<Answer | null> {
  const { session, server, lasting, connection, eventId, call } = about
  const { caller, agent } = listener
  let allowed: Allowed | null = null
  const asked = call && {
    caller,
    serverId: server.id,
    tool: call.tool,
    ...(call.isMethod ? { isMethod: true as const } : {}),
  }
  if (asked) {
    const decision = decide(asked, parts.view, parts.now())
    if (!decision.ok) {
      return refusedAnswer(403, null, decision.error, {
        portalUrl: parts.portalUrl,
        agentId: agent.id,
        serverId: server.id,
      })
    }
    allowed = decision.value
  }
  // How long the call had already nobody here knows: what is left is no more than its agent may wait.
  const askMs = parts.limits.askDeadlineMs
  const { callDeadlineSeconds: seconds } = agent
  const deadline = bindingLimit(askMs, { agent: typeof seconds === 'number' ? seconds * 1000 : null })
  const running = asked && parts.inFlight.begin(asked, { teamId: agent.teamId, deadline, gone: lasting.signal })
  running?.signal.addEventListener('abort', () => {
    const { reason } = running.signal
    lasting.end(reason instanceof CallEnded ? reason.denial : null)
  })
  const time = running && new AnswerTime(running, { askMs, deadline })
  const take = async (given: RpcMessage | null, mark: EventMark): Promise<void> => {
    const message = given && namesTask(given) ? await namedForAgent(parts, { caller, server }, given) : given
    if (given && !message) return
    const marked = markFor(session, mark, { call, serverId: listener.serverId === null ? server.id : null })
    if (message === null) return await lasting.stream.send(null, marked)
    if (message['method'] === undefined) {
      // Its agent would take the answer to another request for that of another server, or of the broker.
      if (call && requestDigest(message['id']) !== call.requestDigest) return
      const ended =
        allowed &&
        call &&
        (await endOfRest(parts, listener, { server, allowed, call, message, declared: session.capabilities }))
      if (ended && (await about.told.onRecord())) await lasting.stream.send(ended, marked)
      return lasting.end(null)
    }
    const told = await forAgent(parts, listener, { ...about, message, time: time ?? null })
    if (told) await lasting.stream.send(told, marked)
  }
  let reading = false
  const held = new AbortController()
  const late = deadlineOf(parts.limits, { server, agent })
  const { signal, begun } = untilBegun(AbortSignal.any([lasting.signal, held.signal]), {
    ms: late.limit,
    late: () => new CallEnded(lateDenial({ serverId: server.id }, late)),
  })
  const { heldStreams } = parts.conversations
  try {
    for (let attempt = 1; ; attempt += 1) {
      const { status, read } = await connection.openStream(session.upstream!, {
        lastEventId: eventId,
        relay: { take },
        room: parts.inFlight.atOnce.room(parts.limits.heldBytesMax),
        signal,
        limits: limitsFor(parts.limits, { server, agent }),
      })
      if (read) {
        reading = true
        const { release } = heldStreams.hold(session, call, held)
        read()
          .catch(() => {})
          .finally(() => {
            release()
            running?.end()
            // Let go for a later one it stays open here: an agent that has both would else open them in turns, without end.
            if (call || !held.signal.aborted) lasting.end(null)
          })
        return null
      }
      if (status === 404) return await sessionGone(parts, listener, about)
      // The server's side of the stream before this one is not closed yet.
      if (status === 409 && attempt < busyTries) {
        if (attempt === 1) await heldStreams.letGo(session, call)
        await pause(busyMs, signal)
      } else if (status === 405 && eventId === null) return null
      else {
        const denial = notGiven(server.id, status)
        return refusedStream(parts, listener, { status: status === 409 ? 409 : 502, id: null, denial })
      }
    }
  } finally {
    begun()
    if (!reading) running?.end()
  }
}

/** The server knows the session no more. That of an agent at the merged address goes on without it: only the event is lost. */
async function sessionGone(
  parts: PipelineParts,
  listener: Listener,
  { session, server }: Pick<About, 'session' | 'server'>,
): Promise<Answer> {
  const { serverId, caller } = listener
  const { sessions, serverSessions } = parts.conversations
  if (serverId !== null) {
    sessions.end(session.name)
    return sessionEnded()
  }
  const whole = await sessions.find(session.name, { caller, serverId, url: '' })
  if (whole) await serverSessions.forget(whole, server, session)
  return await refuseEvent(parts, listener)
}

/** Its server has ended it. */
export function sessionEnded(): Answer {
  const data = { rule: 'session_ended' }
  return errorAnswer(404, null, {
    code: sessionGoneCode,
    message: 'Session not found: begin a new one with initialize.',
    data,
  })
}
