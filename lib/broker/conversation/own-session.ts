import { timedId } from '#lib/core/timed-id.ts'
import { CallEnded } from '../in-flight.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import type { AgentSession } from '../endpoint/sessions.ts'
import { isTaskStatus, namedForAgent, namesTask } from '../tasks/messages.ts'
import { isOfTask } from '../tasks/replies.ts'
import { answerTo } from '../upstream/beside.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import type { EventMark, Relay, RpcMessage } from '../upstream/http.ts'
import { refusedCode } from '../wire.ts'
import type { Asked } from './ask-ids.ts'
import { AskCount, isAsk, permit } from './asks.ts'
import type { Turn } from './conversation.ts'
import { type MarkedCall, markFor, requestDigest } from './event-marks.ts'
import type { AskedWhere } from './questions.ts'
import { askedTooMuch, takesNone } from './refusal.ts'

/**
 * Carries a call between an agent and a server that both have sessions, one of the one for one of the other: messages keep their ids, so
 * whatever answers, cancels or resumes them may come to any replica. What the server asks for is decided about first.
 */
export class OwnSessionRelay implements Relay {
  readonly #parts: PipelineParts
  readonly #request: AgentRequest
  readonly #turn: Turn & { session: AgentSession; connection: UpstreamConnection }
  /** What was asked in this call. */
  readonly #asked: string[] = []
  readonly #count = new AskCount()
  /** As the marks of its events name it. */
  #call: MarkedCall = null

  constructor(
    parts: PipelineParts,
    request: AgentRequest,
    turn: Turn & { session: AgentSession; connection: UpstreamConnection },
  ) {
    this.#parts = parts
    this.#request = request
    this.#turn = turn
  }

  async take(given: RpcMessage | null, mark: EventMark): Promise<void> {
    const { talk, caller, task } = this.#request
    const { server } = this.#turn
    this.#parts.health.circuitOf(server).answered()
    const about = { caller, server, task }
    const message = given && namesTask(given) ? await namedForAgent(this.#parts, about, given) : given
    if (given && !message) return
    if (message && isAsk(message['method'])) return await this.#ask(message, mark)
    if (message && typeof message['method'] === 'string' && message['id'] !== undefined) {
      return await answerForAgent(message, this.#turn)
    }
    const isStatus = message !== null && isTaskStatus(message['method'])
    const notice =
      message &&
      (talk.noticeOf(message) ?? (isStatus ? message : cancellationFor(this.#parts, this.#turn.session, message)))
    if (message === null) await talk.stream.send(null, this.#marked(mark))
    else if (notice) await talk.tell(notice, this.#marked(mark))
  }

  /** The call has ended: nobody waits for an answer any more. */
  end(): void {
    if (this.#asked.length > 0) this.#parts.conversations.questions.forget(this.#asked)
  }

  async #ask(message: RpcMessage, mark: EventMark): Promise<void> {
    const { talk } = this.#request
    const { running, time, server, session, connection, tool } = this.#turn
    const ask = { method: String(message['method']), params: message['params'] }
    if (!this.#count.takes(ask.method)) return running.controller.abort(new CallEnded(askedTooMuch(server.id)))
    const permitted = await permit(this.#parts, this.#request, { server, ask, occasion: talk })
    if (!permitted.ok || !talk.stream.accepts) {
      const denial = permitted.ok ? takesNone(server.id) : permitted.error
      const error = { code: refusedCode, message: denial.message, data: { rule: denial.rule } }
      await connection.tell({ id: message['id'], error }, { session: session.upstream!, signal: running.signal })
      return
    }
    time.asked(ask.method)
    const { questionId, askId } = await askInSession(this.#parts, this.#request, {
      session,
      upstreamId: message['id'],
      where: { serverId: server.id, tool: tool.name, session: sessionAsked(this.#request.serverId, session) },
      method: ask.method,
    })
    this.#asked.push(questionId)
    this.#parts.conversations.questions.watch(questionId, () => time.answered(), running.signal)
    await talk.stream.send({ jsonrpc: '2.0', id: askId, ...permitted.value }, this.#marked(mark))
  }

  #marked(mark: EventMark): EventMark {
    if (mark.id === null) return mark
    // Whoever lost the stream of a task asks for the task again.
    if (isOfTask(this.#request)) return { id: null, retry: null }
    const { tool, session } = this.#turn
    const serverId = this.#request.serverId === null ? tool.serverId : null
    this.#call ??= markedCall(this.#request, this.#turn, this.#parts.now())
    return markFor(session, mark, { call: this.#call, serverId })
  }
}

/** The session in which something is asked, as far as the agent's own does not say it. */
export function sessionAsked(serverId: string | null, { upstream }: AgentSession): AskedWhere['session'] {
  return serverId === null ? (upstream ?? undefined) : undefined
}

/** A call as the marks of its events name it. */
export function markedCall(
  { id }: Pick<AgentRequest, 'id'>,
  { tool, record }: Turn,
  now: Date,
): NonNullable<MarkedCall> {
  const endId = (record.endId ??= timedId(now))
  const { argumentsDigest } = record
  return {
    tool: tool.name,
    isMethod: tool.isMethod === true,
    argumentsDigest,
    endId,
    requestDigest: requestDigest(id),
  }
}

/** What a server may ask a client that no agent has to answer. */
export async function answerForAgent(
  message: RpcMessage,
  {
    session,
    connection,
    running,
  }: { session: AgentSession; connection: UpstreamConnection; running: { signal: AbortSignal } },
): Promise<void> {
  await connection.tell(answerTo(message), { session: session.upstream!, signal: running.signal })
}

/** Under which id the agent of a session is asked what its server asks, from now on. */
export async function askInSession(
  parts: PipelineParts,
  { caller }: Pick<AgentRequest, 'caller'>,
  about: { session: AgentSession; upstreamId: unknown; where: AskedWhere; method: string },
): Promise<{ questionId: string; askId: string }> {
  const { session, where } = about
  const upstreamId = typeof about.upstreamId === 'number' ? about.upstreamId : String(about.upstreamId)
  const method = about.method as Asked['method']
  const noted = await parts.conversations.questions.note(caller, session, { ...where, upstreamId, method })
  session.asks(upstreamId, noted)
  return noted
}

/** The server waits no more for what it asked: what the agent knows that under. Null for anything else. */
export function cancellationFor(parts: PipelineParts, session: AgentSession, message: RpcMessage): RpcMessage | null {
  if (message['method'] !== 'notifications/cancelled') return null
  const params = (message['params'] ?? {}) as Record<string, unknown>
  const asked = session.asked.get(params['requestId'])
  if (!asked) return null
  parts.conversations.questions.forget([asked.questionId])
  return { ...message, params: { ...params, requestId: asked.askId } }
}
