import { randomUUID } from 'node:crypto'
import { deadlineOf, limitsFor } from '../limits.ts'
import { CallEnded, type Running } from '../in-flight.ts'
import { messageFor } from '../methods.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import type { UpstreamSession } from '../upstream/request.ts'
import { untilAborted } from '../until-aborted.ts'
import type { RpcMessage, RpcReply } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { refusedCode } from '../wire.ts'
import { mayStream } from '../large/may-stream.ts'
import { wholeReply } from '../large/whole-reply.ts'
import { AnswerTime } from './answer-time.ts'
import { type Ask, AskCount, byAnswer, isAsk, permit } from './asks.ts'
import type { Turn } from './conversation.ts'
import { failureOf } from './handed-failure.ts'
import { methodsOf, sealState } from './input-required.ts'
import { AskRefused, askedTooMuch } from './refusal.ts'
import { withoutId } from './required-pages.ts'
import { SuspendedCall } from './suspended-calls.ts'

const never = new AbortController().signal
const endMs = 2000

/**
 * Sends a request in a session opened for it alone, since the server may ask something: up to 2025-11-25 that comes as a request in the
 * call's stream. An agent with a stream is asked there and then; one of 2026-07-28 is given what is asked as a result, and the call waits.
 */
export async function runInSession(
  parts: PipelineParts,
  request: AgentRequest,
  options: { turn: Turn; connection: UpstreamConnection; capabilities: Record<string, unknown> },
): Promise<RpcReply> {
  const { turn, connection, capabilities } = options
  const { talk } = request
  const session = await connection.openSession(capabilities, turn.running.signal)
  const message = messageFor(request.params, turn.tool)
  if (!session) {
    const envelope = talk.envelope({ shared: true })
    return await connection.request({
      ...message,
      trace: turn.trace,
      signal: turn.running.signal,
      running: turn.running,
      streams: mayStream(turn),
      limits: limitsFor(parts.limits, turn),
      hold: holding(parts, turn.running),
      envelope,
      relay: talk,
    })
  }
  const parted = { ...turn, connection, session }
  return talk.era === 'legacy' ? await askOverStream(parts, request, parted) : await suspend(parts, request, parted)
}

type Parted = Turn & { connection: UpstreamConnection; session: UpstreamSession }

async function askOverStream(parts: PipelineParts, request: AgentRequest, parted: Parted): Promise<RpcReply> {
  const { connection, session, running, time, tool, trace } = parted
  const { talk, caller } = request
  const { signal } = running
  const count = new AskCount()
  const hold = holding(parts, running)
  let open = 0
  const answer = async (message: RpcMessage): Promise<void> => {
    const ask = { method: String(message['method']), params: message['params'] }
    if (!count.takes(ask.method, open) || !holdsAsk(hold, ask)) {
      return running.controller.abort(new CallEnded(askedTooMuch(parted.server.id)))
    }
    const { refused, told } = await askedOf(parts, request, { server: parted.server, ask })
    if (refused) return void (await connection.tell({ id: message['id'], ...refused }, { session, signal }))
    time.asked(ask.method)
    const where = { serverId: parted.server.id, tool: tool.name }
    const asking = parts.conversations.questions.ask(caller, talk, { ask: told, where, signal })
    const reply = await asking.finally(() => time.answered())
    await connection.tell({ id: message['id'], ...reply }, { session, signal })
  }
  const circuit = parts.health.circuitOf(parted.server)
  const relay = {
    take(message: RpcMessage | null) {
      circuit.answered()
      if (message && isRequest(message)) {
        open += 1
        return untilAnswered(message, answer(message), () => (open -= 1))
      }
      const notice = message && talk.noticeOf(message)
      if (notice) return talk.tell(notice)
    },
  }
  let reply: RpcReply | null = null
  try {
    const envelope = talk.envelope({ shared: false })
    const own = { session, id: randomUUID(), cuts: false }
    reply = await connection.request({
      ...messageFor(request.params, tool),
      trace,
      signal,
      running,
      streams: mayStream(parted),
      limits: limitsFor(parts.limits, parted),
      hold,
      envelope,
      relay,
      own,
    })
    return reply
  } finally {
    whenOver(reply, () => endSession(connection, session))
  }
}

async function suspend(parts: PipelineParts, request: AgentRequest, parted: Parted): Promise<RpcReply> {
  const { connection, session, call, tool, server, trace } = parted
  const { agent, talk } = request
  const { conversations, inFlight, limits } = parts
  if (conversations.suspended.countOf(agent.id) >= limits.agentStreamsMax) {
    endSession(connection, session)
    const message = `${agent.id} has ${limits.agentStreamsMax} calls that wait for its answers.`
    throw new AskRefused({ rule: 'rate_limited', message })
  }
  // A call of its own, since it outlives this exchange: stops, deadlines and changed grants end it as they end any other.
  const deadline = deadlineOf(limits, parted)
  const running = inFlight.begin(call, { teamId: agent.teamId, deadline, gone: never })
  const { signal } = running
  const hold = holding(parts, running)
  const time = new AnswerTime(running, { askMs: limits.askDeadlineMs, deadline })
  const suspended = new SuspendedCall({
    agentId: agent.id,
    talk,
    tell: (message) => connection.tell(message, { session, signal }),
    abort: (reason) => running.controller.abort(reason),
    whole: (reply) => wholeReply(reply, { bytesMax: limits.resultBytesMax, hold }),
    answered: () => time.answered(),
  })
  const count = new AskCount()
  let deciding = 0
  const ask = async (message: RpcMessage): Promise<void> => {
    const asked = { method: String(message['method']), params: withoutId(message['params']) }
    if (!count.takes(asked.method, suspended.asks.size + deciding) || !holdsAsk(hold, asked)) {
      return running.controller.abort(new CallEnded(askedTooMuch(server.id)))
    }
    const { refused, told } = await askedOf(parts, request, { server, ask: asked })
    if (refused) return void (await suspended.tell({ id: message['id'], ...refused }))
    time.asked(asked.method)
    suspended.ask(message['id'], told)
  }
  const relay = {
    take(message: RpcMessage | null) {
      if (message && isRequest(message)) {
        deciding += 1
        return untilAnswered(message, ask(message), () => (deciding -= 1))
      }
      if (message && suspended.talk?.isProgress(message)) {
        time.progressed()
        suspended.progress += 1
      }
      const notice = message && suspended.talk?.noticeOf(message)
      if (notice) return suspended.talk!.tell(notice)
    },
  }
  const envelope = talk.envelope({ shared: false })
  const own = { session, id: randomUUID(), cuts: false }
  const sent = connection.request({
    ...messageFor(request.params, tool),
    trace,
    signal,
    running: parted.running,
    streams: mayStream(parted),
    limits: limitsFor(parts.limits, parted),
    hold,
    envelope,
    relay,
    own,
  })
  conversations.suspended.add(suspended)
  conversations.handovers.watch()
  const over = (reply: RpcReply | null): void => {
    conversations.suspended.delete(suspended.id)
    if (reply?.ok && reply.large) reply.large.origin = running
    whenOver(reply, () => {
      running.end()
      endSession(connection, session)
    })
  }
  sent.then(over, () => over(null))
  suspended.run(sent)
  const reply = await suspended.next(parted.running.signal)
  return reply ?? (await askAgain(parts, request, { id: suspended.id, turn: parted, asks: asksOf(suspended) }))
}

/** The agent comes back with what it was asked for, to the replica that has the call or to another one. */
export async function resumeSuspended(
  parts: PipelineParts,
  request: AgentRequest,
  { turn, id }: { turn: Turn; id: string },
): Promise<RpcReply> {
  const { conversations } = parts
  const { signal } = turn.running
  // By the request that began it.
  turn.running.sent = true
  const answers = (request.params['inputResponses'] ?? {}) as Record<string, unknown>
  const suspended = conversations.suspended.find(id, request.agent.id)
  if (suspended) {
    suspended.talk = request.talk.continued(suspended.talk)
    const reply = await suspended.goOn(answers, signal)
    return reply ?? (await askAgain(parts, request, { id, turn, asks: asksOf(suspended) }))
  }
  const handed = { callId: id, agentId: request.agent.id, answers }
  const outcome = await conversations.handovers.send(handed, { signal, progressed: () => turn.time.progressed() })
  if (!outcome) {
    const message = 'The call that asked for this input has ended. Call again.'
    throw new AskRefused({ rule: 'answer_unknown', message })
  }
  if ('reply' in outcome) return outcome.reply
  if ('ended' in outcome) throw new CallEnded(outcome.ended)
  if ('asks' in outcome) return await askAgain(parts, request, { id, turn, asks: outcome.asks })
  throw failureOf(outcome.failure)
}

function holding({ limits }: PipelineParts, running: Running): (bytes: number) => boolean {
  return (bytes) => running.hold(bytes, limits.heldBytesMax)
}

/** What an agent is asked is held until it is answered, as a part of the answer that its server gives in the end. */
function holdsAsk(hold: (bytes: number) => boolean, { method, params }: Ask): boolean {
  return !isAsk(method) || hold(JSON.stringify(params ?? {}).length)
}

function asksOf({ asks }: SuspendedCall): [string, Ask][] {
  return [...asks].map(([key, { ask }]) => [key, ask])
}

/** What the agent is asked, and the state with which it comes back. */
async function askAgain(
  parts: PipelineParts,
  request: AgentRequest,
  { id, turn, asks }: { id: string; turn: Turn; asks: readonly [string, Ask][] },
): Promise<RpcReply> {
  const state = { suspended: id, asked: methodsOf(asks) }
  const sealed = sealState(parts, request, { call: turn.call, state })
  const requestState = await untilAborted(sealed, turn.running.signal)
  return { ok: true, result: { resultType: 'input_required', inputRequests: Object.fromEntries(asks), requestState } }
}

/** What the agent is asked; else what the server is answered instead. */
async function askedOf(
  parts: PipelineParts,
  request: AgentRequest,
  { server, ask }: { server: BrokeredServer; ask: Ask },
): Promise<{ refused: null; told: Ask } | { refused: RpcMessage; told: null }> {
  if (ask.method === 'ping') return { refused: { result: {} }, told: null }
  if (!isAsk(ask.method)) return { refused: { error: { code: -32601, message: 'Method not found' } }, told: null }
  const occasion = request.talk.era === 'modern' ? byAnswer : request.talk
  const permitted = await permit(parts, request, { server, ask, occasion })
  if (permitted.ok) return { refused: null, told: permitted.value }
  const { message, rule } = permitted.error
  return { refused: { error: { code: refusedCode, message, data: { rule } } }, told: null }
}

/** The reply has been read, or there is none. */
function whenOver(reply: RpcReply | null, end: () => void): void {
  if (reply?.ok && reply.large) reply.large.onClose = end
  else end()
}

function endSession(connection: UpstreamConnection, session: UpstreamSession): void {
  connection.endSession(session, AbortSignal.timeout(endMs)).catch(() => {})
}

/**
 * For what an agent is asked its server does not wait, and it asks so much at once. What is answered for the agent is answered before more is read: of that a server may ask
 * any number.
 */
function untilAnswered({ method }: RpcMessage, answering: Promise<void>, over: () => void): Promise<void> | void {
  const answered = answering.catch(() => {}).finally(over)
  if (!isAsk(method)) return answered
}

function isRequest(message: RpcMessage): boolean {
  return typeof message['method'] === 'string' && message['id'] !== undefined
}
