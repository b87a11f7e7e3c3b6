import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AskCount, type Ask, byAnswer, isAsk, permit, askable } from '../conversation/asks.ts'
import type { Turn } from '../conversation/conversation.ts'
import { AskRefused } from '../conversation/refusal.ts'
import { limitsFor } from '../limits.ts'
import { messageFor } from '../methods.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import { untilAborted } from '../until-aborted.ts'
import { answerTo } from '../upstream/beside.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import type { RpcMessage, RpcReply } from '../upstream/http.ts'
import type { UpstreamSession } from '../upstream/request.ts'
import { refusedCode } from '../wire.ts'
import { withoutRelated } from './messages.ts'
import { decideTask } from './offered.ts'
import { sessionlessTask } from './refusals.ts'
import { beginTask, noteOver, shownTask } from './replies.ts'
import { handleOf, modernTask } from './session-shape.ts'
import { isOver } from './task-book.ts'
import type { BrokeredTask } from './task-ids.ts'
import type { TaskMethod } from './task-methods.ts'

// A task of a server of 2025-11-25 for an agent of 2026-07-28, which has no session. The broker asks for the task, as a server of 2026-07-28 makes one of a call, in a session that is the
// task's alone and is in its id: every replica looks at it, answers what it asks and cancels it.

/** How long the server is asked to keep it, from when it begins. */
const keptMs = 86_400_000
/** How long a look waits for what the task asks. */
const askedMs = 2000
const endMs = 2000
type Looking = Pick<Turn, 'server' | 'agent' | 'tool' | 'running' | 'trace'>
type Who = Pick<AgentRequest, 'agent' | 'caller'>
type About = { turn: Looking; connection: UpstreamConnection; task: BrokeredTask; session: UpstreamSession }

/** Calls a tool as a task; null when the server keeps no sessions. What it answers at once is an answer like any other. */
export async function callAsTask(
  parts: PipelineParts,
  request: AgentRequest,
  { turn, connection }: { turn: Turn; connection: UpstreamConnection },
): Promise<RpcReply | null> {
  const { server, running, tool, trace } = turn
  const { signal } = running
  const { talk } = request
  const told = askable(parts, request, { serverId: server.id, declared: talk.capabilities })
  const session = await connection.openSession(told ?? {}, signal)
  if (!session) return null
  let isKept = false
  try {
    const reply = await connection.request({
      ...messageFor({ ...request.params, task: { ttl: keptMs } }, tool),
      trace,
      signal,
      running,
      limits: limitsFor(parts.limits, turn),
      hold: (bytes) => running.hold(bytes, parts.limits.heldBytesMax),
      envelope: talk.envelope({ shared: false }),
      relay: {
        async take(message, mark) {
          if (message && isRequest(message)) await refuseEarly(connection, session, { message, signal })
          else await talk.take(message, mark)
        },
      },
      own: { session, id: randomUUID(), cuts: false },
    })
    if (!reply.ok || !('task' in reply.result)) return reply
    const handle = handleOf(reply.result)
    const { taskId: upstreamId, ttl: ttlMs } = handle
    const task = await beginTask(parts, turn, { upstreamId, ttlMs, session, named: true, owned: true })
    isKept = true
    return { ok: true, result: { ...modernTask(handle, task.id), resultType: 'task' } }
  } catch (error) {
    throw isGone(error) ? new UpstreamFailure('unreachable', 'it forgets sessions as soon as they begin') : error
  } finally {
    if (!isKept) connection.endSession(session, AbortSignal.timeout(endMs)).catch(() => {})
  }
}

/** What an agent wants of a task, asked of its server in the words of sessions. */
export async function askWithoutSession(
  parts: PipelineParts,
  request: AgentRequest,
  about: About & { method: TaskMethod },
): Promise<RpcReply> {
  try {
    const reply = await answered(parts, request, about)
    const decision = decideTask(parts, request.caller, about.task)
    if (!decision.ok) throw new AskRefused(decision.error)
    return reply
  } catch (error) {
    throw isGone(error) ? new AskRefused(sessionlessTask, 'upstream_error') : error
  }
}

function answered(parts: PipelineParts, request: AgentRequest, about: About & { method: TaskMethod }) {
  switch (about.method) {
    case 'tasks/update':
      return updated(parts, request, about)
    case 'tasks/cancel':
      return cancelled(parts, about)
    default:
      return lookAt(parts, request, about)
  }
}

/** How the task is now, with its result or what it asks. */
export async function lookAt(parts: PipelineParts, request: Who, about: About): Promise<RpcReply> {
  const { task, turn } = about
  const reply = await send(parts, about, 'tasks/get')
  if (!reply.ok) return reply
  if (reply.result['taskId'] !== task.upstreamId)
    throw new UpstreamFailure('malformed', 'it answers about another task')
  const shown = { ...modernTask(reply.result, task.id), resultType: 'complete' }
  const { status } = reply.result
  if (isOver(status)) noteOver(parts, task)
  if (status === 'completed' || status === 'failed') {
    const end = await send(parts, about, 'tasks/result')
    // That a tool has failed is a result, which a task of 2026-07-28 completes with.
    return end.ok
      ? {
          ok: true,
          result: { ...shown, status: 'completed', result: { ...withoutRelated(end.result), resultType: 'complete' } },
        }
      : { ok: true, result: { ...shown, status: 'failed', error: end.error } }
  }
  if (status !== 'input_required') return { ok: true, result: shown }
  const inputRequests = await askedNow(parts, request, about)
  return {
    ok: true,
    result: await shownTask(parts, request, { server: turn.server, content: { ...shown, inputRequests }, task }),
  }
}

/** What the task asks and nobody has answered; before that is known, the look waits for a moment. */
async function askedNow(parts: PipelineParts, request: Who, about: About): Promise<Record<string, Ask>> {
  const { taskAsks, taskListeners } = parts.conversations
  const { task, turn } = about
  const { signal } = turn.running
  const read = async () => (await untilAborted(taskAsks.open(task), signal)).map(({ id, ask }) => [id, ask] as const)
  const before = await read()
  if (before.length > 0) return Object.fromEntries(before)
  const { agentStreamsMax: max, askDeadlineMs: ms } = parts.limits
  const heard = taskListeners.heard(task, { caller: request.caller, max, ms }, (options) =>
    listen(parts, request, { ...about, ...options }),
  )
  if (heard) await Promise.race([heard, untilAborted(sleep(askedMs, undefined, { ref: false }), signal)])
  return Object.fromEntries(await read())
}

async function listen(
  parts: PipelineParts,
  request: Who,
  about: About & { signal: AbortSignal; asked: () => void },
): Promise<unknown> {
  const { turn, connection, task, session, signal } = about
  const { server, tool } = turn
  const count = new AskCount()
  const noted = new Map<unknown, string>()
  const refuse = (id: unknown, error: { code: number; message: string; data?: unknown }) =>
    connection.tell({ id, error }, { session, signal })
  const take = async (message: RpcMessage): Promise<void> => {
    const { id, method } = message
    const params = message['params'] as Record<string, unknown> | undefined
    if (method === 'notifications/cancelled') {
      const ended = noted.get(params?.['requestId'])
      if (ended !== undefined) await parts.conversations.taskAsks.forget([ended])
    }
    if (!isRequest(message)) return
    if (!isAsk(method)) return void (await connection.tell(answerTo(message), { session, signal }))
    if (!count.takes(method)) throw new UpstreamFailure('malformed', 'it asks for too much')
    const ask = { method: String(method), params: withoutRelated(params ?? {}) }
    const permitted = await permit(parts, request, { server, ask, occasion: byAnswer })
    if (!permitted.ok) {
      const { message: words, rule } = permitted.error
      return void (await refuse(id, { code: refusedCode, message: words, data: { rule } }))
    }
    const upstreamId = typeof id === 'number' ? id : String(id)
    const key = await parts.conversations.taskAsks.note(task, { upstreamId, ask: permitted.value }, keptMs)
    noted.set(id, key)
    // It is on record here: a look at it is not asked again.
    task.asked.set(key, ask.method)
    about.asked()
  }
  return await connection.request({
    ...messageFor({ taskId: task.upstreamId }, { ...tool, name: 'tasks/result' }),
    signal,
    limits: limitsFor(parts.limits, turn),
    relay: { take: (message) => (message ? take(message) : undefined) },
    own: { session, id: randomUUID(), cuts: false },
  })
}

/** Takes answers by their keys to the server; what is under no key of the task is passed over, as the extension has it. */
async function updated(parts: PipelineParts, request: AgentRequest, about: About): Promise<RpcReply> {
  const { taskAsks } = parts.conversations
  const { turn, connection, task, session } = about
  const { signal } = turn.running
  for (const [key, result] of Object.entries((request.params['inputResponses'] ?? {}) as Record<string, unknown>)) {
    const ask = typeof result === 'object' && result !== null ? await taskAsks.claim(task, key) : null
    if (!ask) continue
    try {
      const status = await connection.tell({ id: ask.upstreamId, result }, { session, signal })
      if (status === 404) throw new UpstreamFailure('session_gone', 'it does not know the session')
      if (status >= 400) throw new UpstreamFailure('malformed', `it refuses an answer with the status ${status}`)
    } catch (error) {
      await taskAsks.giveBack(key)
      throw error
    }
  }
  return { ok: true, result: { resultType: 'complete' } }
}

async function cancelled(parts: PipelineParts, about: About): Promise<RpcReply> {
  const reply = await send(parts, about, 'tasks/cancel')
  if (!reply.ok) return reply
  if (isOver(reply.result['status'])) noteOver(parts, about.task)
  return { ok: true, result: { resultType: 'complete' } }
}

function send(
  parts: PipelineParts,
  { turn, connection, task, session }: About,
  method: 'tasks/get' | 'tasks/result' | 'tasks/cancel',
): Promise<RpcReply> {
  const { tool, trace, running } = turn
  return connection.request({
    ...messageFor({ taskId: task.upstreamId }, { ...tool, name: method }),
    trace,
    signal: running.signal,
    limits: limitsFor(parts.limits, turn),
    hold: (bytes) => running.hold(bytes, parts.limits.heldBytesMax),
    own: { session, id: randomUUID(), cuts: false },
  })
}

/** Before there is a task nothing can be asked of its agent. */
async function refuseEarly(
  connection: UpstreamConnection,
  session: UpstreamSession,
  { message, signal }: { message: RpcMessage; signal: AbortSignal },
): Promise<void> {
  const error = { code: refusedCode, message: 'What a call asks that is to be a task is asked by the task.' }
  const answer = isAsk(message['method']) ? { id: message['id'], error } : answerTo(message)
  await connection.tell(answer, { session, signal })
}

function isRequest(message: RpcMessage): boolean {
  return typeof message['method'] === 'string' && message['id'] !== undefined
}

function isGone(error: unknown): boolean {
  return error instanceof UpstreamFailure && error.kind === 'session_gone'
}
