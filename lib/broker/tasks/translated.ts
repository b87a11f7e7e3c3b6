import { isRecord } from '#lib/core/is-record.ts'
import { z } from 'zod'
import { asksAtOnceMax, asksMax, isAsk, permit } from '../conversation/asks.ts'
import type { Turn } from '../conversation/conversation.ts'
import { AskRefused, asksOther, asksTooMuch, takesNone } from '../conversation/refusal.ts'
import { inSession } from '../conversation/in-session.ts'
import { limitsFor } from '../limits.ts'
import { messageFor } from '../methods.ts'
import { type AgentRequest, invalidParamsCode, type PipelineParts } from '../pipeline-parts.ts'
import { pause } from '../until-aborted.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import type { RpcReply } from '../upstream/http.ts'
import { countRequest } from './counted-requests.ts'
import { relatedMeta } from './messages.ts'
import { decideTask } from './offered.ts'
import { noteOver, waitForTask, withTasks } from './replies.ts'
import { sessionTask, stateOf } from './session-shape.ts'
import { isOver } from './task-book.ts'
import type { BrokeredTask } from './task-ids.ts'
import type { TaskMethod } from './task-methods.ts'

// A task of a server of 2026-07-28 as an agent with a session of 2025-11-25 knows tasks. The other way round nothing is translated: see offered.ts.

/** How long is waited between two looks, whatever the server would like. */
const pollMs = { least: 100, usual: 1000, most: 5000 }
/** How often it is looked whether a cancellation has come about. */
const cancelLooks = 10
/** Up to 2025-11-25 what happens to a request whose task was cancelled has no code of its own. */
const cancelledCode = -32603

const inputRequests = z.record(z.string(), z.looseObject({ method: z.string() }))
type About = { turn: Turn; connection: UpstreamConnection; task: BrokeredTask }

/** What an agent with a session wants of a task, asked of its server in the server's own way. */
export function askTranslated(
  parts: PipelineParts,
  request: AgentRequest,
  about: About & { method: TaskMethod },
): Promise<RpcReply> {
  switch (about.method) {
    case 'tasks/result':
      return parts.conversations.taskWaits.during(request.caller.agentId, parts.limits.agentStreamsMax, () =>
        awaited(parts, request, about),
      )
    case 'tasks/cancel':
      return cancelled(parts, request, about)
    default:
      return looked(parts, request, about)
  }
}

async function looked(parts: PipelineParts, request: AgentRequest, about: About): Promise<RpcReply> {
  const reply = await look(parts, request, about)
  return reply.ok ? { ok: true, result: sessionTask(reply.result, about.task.id) } : reply
}

/** A cancellation is acknowledged there and shown here: the answer says how the task is, also where the server has not ended it yet. */
async function cancelled(parts: PipelineParts, request: AgentRequest, about: About): Promise<RpcReply> {
  const before = await look(parts, request, about)
  if (!before.ok) return before
  if (isOver(before.result['status'])) {
    const message = `The task is over already: it is ${String(before.result['status'])}.`
    return { ok: false, status: 200, error: { code: invalidParamsCode, message } }
  }
  const acknowledged = await send(parts, request, about, { method: 'tasks/cancel', more: {} })
  if (!acknowledged.ok) return acknowledged
  let reply = await look(parts, request, about)
  for (let looks = 1; looks < cancelLooks && reply.ok && !isOver(reply.result['status']); looks += 1) {
    await pause(pollMs.least, about.turn.running.signal)
    reply = await look(parts, request, about)
  }
  return reply.ok ? { ok: true, result: sessionTask(reply.result, about.task.id) } : reply
}

/** The result of the call, once the task is over; until then what it asks is asked of the agent over the stream of this request. */
async function awaited(parts: PipelineParts, request: AgentRequest, about: About): Promise<RpcReply> {
  const { turn, task } = about
  const { running } = turn
  waitForTask(parts, turn)
  const answered = new Set<string>()
  for (;;) {
    const reply = await look(parts, request, about)
    if (!reply.ok) return reply
    const { status, pollIntervalMs } = stateOf(reply.result)
    if (isOver(status)) {
      const decision = decideTask(parts, request.caller, task)
      if (!decision.ok) throw new AskRefused(decision.error)
      return endOf(reply.result, task)
    }
    const isAnswered =
      status === 'input_required' && (await answer(parts, request, { ...about, content: reply.result, answered }))
    if (!isAnswered) await pause(clamped(pollIntervalMs), running.signal)
  }
}

function endOf(content: Record<string, unknown>, task: BrokeredTask): RpcReply {
  const { status, result, error } = content
  if (status === 'completed') {
    if (!isRecord(result)) throw new UpstreamFailure('malformed', 'its task is over without a result')
    return { ok: true, result: relatedMeta(result, task.id) }
  }
  if (status === 'failed') {
    const { code, message, data } = isRecord(error) ? error : {}
    if (typeof code !== 'number' || typeof message !== 'string')
      throw new UpstreamFailure('malformed', 'its task has failed without an error')
    return { ok: false, status: 200, error: { code, message, ...(data === undefined ? {} : { data }) } }
  }
  return { ok: false, status: 200, error: { code: cancelledCode, message: 'The task was cancelled.' } }
}

/** Asks the agent what the task asks and has not been answered, and tells the server. False: there is nothing new. */
async function answer(
  parts: PipelineParts,
  request: AgentRequest,
  about: About & { content: Record<string, unknown>; answered: Set<string> },
): Promise<boolean> {
  const { turn, task, content, answered } = about
  const { server, running, tool } = turn
  const { talk, caller } = request
  const asks = inputRequests.safeParse(content['inputRequests'] ?? {})
  if (!asks.success) throw new UpstreamFailure('malformed', 'it asks for input in a way MCP does not know')
  const open = Object.entries(asks.data).filter(([key]) => !answered.has(key))
  if (open.length === 0) return false
  if (open.length > asksAtOnceMax || answered.size + open.length > asksMax)
    throw new UpstreamFailure('malformed', asksTooMuch)
  if (!talk.stream.accepts || !talk.session) throw new AskRefused(takesNone(server.id))
  const inputResponses: Record<string, unknown> = {}
  for (const [key, ask] of open) {
    if (!isAsk(ask.method)) throw new AskRefused(asksOther(server.id))
    const permitted = await permit(parts, request, { server, ask, occasion: talk })
    if (!permitted.ok) throw new AskRefused(permitted.error)
    const params = relatedMeta((permitted.value.params ?? {}) as Record<string, unknown>, task.id)
    const reply = await parts.conversations.questions.ask(caller, talk, {
      ask: inSession({ ...permitted.value, params }),
      where: { serverId: server.id, tool: tool.name },
      signal: running.signal,
    })
    // An agent that cannot answer says so; the task has no way to hear of an error, so its server is told that nobody does.
    if ('error' in reply) {
      if (ask.method !== 'elicitation/create') return await giveUp(parts, request, about, reply.error)
      inputResponses[key] = { action: 'cancel' }
    } else inputResponses[key] = reply.result
    answered.add(key)
  }
  const told = await send(parts, request, about, { method: 'tasks/update', more: { inputResponses } })
  if (!told.ok) throw new UpstreamFailure('malformed', `it refuses what its task asked for (${told.error.code})`)
  return true
}

/** What only an error could answer ends the wait with that error, and the task with it. */
async function giveUp(
  parts: PipelineParts,
  request: AgentRequest,
  about: About,
  { code, message }: { code: number; message: string },
): Promise<never> {
  await send(parts, request, about, { method: 'tasks/cancel', more: {} })
  const words = `The agent answered what the task asks with the error ${code} (${message.slice(0, 200)}), so it was cancelled.`
  throw new AskRefused({ rule: 'answer_unknown', message: words })
}

/** Every look is decided about anew by whoever ends what is under way; what comes back is about this task. */
async function look(parts: PipelineParts, request: AgentRequest, about: About): Promise<RpcReply> {
  const { task } = about
  const reply = await send(parts, request, about, { method: 'tasks/get', more: {} })
  if (!reply.ok) return reply
  if (reply.result['taskId'] !== task.upstreamId)
    throw new UpstreamFailure('malformed', 'it answers about another task')
  if (isOver(stateOf(reply.result).status)) noteOver(parts, task)
  return reply
}

async function send(
  parts: PipelineParts,
  request: AgentRequest,
  { turn, connection, task }: About,
  { method, more }: { method: TaskMethod; more: Record<string, unknown> },
): Promise<RpcReply> {
  const { tool, trace, running } = turn
  const { talk } = request
  await countRequest(parts, request, { serverId: task.serverId, signal: running.signal })
  return await connection.request({
    ...messageFor({ taskId: task.upstreamId, ...more }, { ...tool, name: method }),
    trace,
    signal: running.signal,
    limits: limitsFor(parts.limits, turn),
    envelope: { ...talk.envelope({ shared: true }), capabilities: withTasks(null) },
    relay: talk,
  })
}

function clamped(ms: number | undefined): number {
  return Math.min(Math.max(ms ?? pollMs.usual, pollMs.least), pollMs.most)
}
