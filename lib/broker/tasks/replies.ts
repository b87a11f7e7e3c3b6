import { digestOf } from '#lib/core/canonical-json.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import { z } from 'zod'
import type { TaskRecord } from '../audit/records.ts'
import { asksAtOnceMax, asksMax, byAnswer, isAsk, permit } from '../conversation/asks.ts'
import type { Turn } from '../conversation/conversation.ts'
import { AskRefused, asksOther, asksTooMuch } from '../conversation/refusal.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import { untilAborted } from '../until-aborted.ts'
import type { UpstreamSession } from '../upstream/request.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import type { RpcReply } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { decideTask, isTranslated, mayUseTasks, namesTasks } from './offered.ts'
import { createdTask } from './session-shape.ts'
import { isOver } from './task-book.ts'
import { type BrokeredTask, upstreamIdMax } from './task-ids.ts'
import { missingCapabilityCode, tasksExtension } from './task-methods.ts'

/** How long a reply waits for its task to be noted. */
const noteMs = 5000

const inputRequests = z.record(z.string(), z.looseObject({ method: z.string() }))

/** Whether the server may go on with the call as a task: the agent takes one and is granted tasks. */
export function takesTask(
  parts: PipelineParts,
  { talk, task, caller, params }: AgentRequest,
  { server, tool }: Turn,
): boolean {
  if (talk.era === 'legacy') {
    // A client with a session says with each call whether it wants a task.
    const wanted = task !== undefined || params['task'] !== undefined
    return wanted && isTranslated(parts, { caller, serverId: server.id, era: talk.era })
  }
  if (!namesTasks(talk.capabilities)) return false
  return task !== undefined || (!tool.isMethod && mayUseTasks(parts, caller, server.id).ok)
}

/** Whether the request begins a task or is about one: what is cut off of it is asked for anew, not resumed. */
export function isOfTask({ task, params }: AgentRequest): boolean {
  return task !== undefined || params['task'] !== undefined
}

/** A result may be long in coming, which says nothing against the server. */
export function waitForTask({ limits }: PipelineParts, { time }: Pick<Turn, 'time'>): void {
  const message = `The task has not come to its end within ${limits.askDeadlineMs} ms.`
  time.waitsLong({ rule: 'task_not_over', message })
}

/** What the server is told that the agent can do, with tasks. */
export function withTasks(capabilities: Record<string, unknown> | null): Record<string, unknown> {
  return { ...capabilities, extensions: { [tasksExtension]: {} } }
}

/**
 * A server's reply as far as it speaks of a task: what it calls the task stays here, what it asks for is decided about, and whether the agent may still have the result as well.
 * A task nobody asked for is no answer.
 */
export async function aboutTask(
  parts: PipelineParts,
  request: AgentRequest,
  { turn, reply, taken }: { turn: Turn; reply: RpcReply; taken: boolean },
): Promise<RpcReply> {
  const { task } = request
  if (!reply.ok) return notGranted(parts, request, { turn, reply, taken })
  const { resultType } = reply.result
  const isHandle = resultType === 'task'
  if (!task && !isHandle) return reply
  if (!taken || (task ? isHandle || resultType === 'input_required' : turn.tool.isMethod)) {
    throw new UpstreamFailure('malformed', 'it answers with a task where none is asked for')
  }
  const { taskId } = reply.result
  const show = async (known: BrokeredTask): Promise<RpcReply> => {
    // In a session what it asks comes with the wait for its result.
    if (request.talk.era === 'legacy') return reply
    const about = { server: turn.server, content: reply.result, task: known }
    return { ok: true, result: await shownTask(parts, request, about) }
  }
  if (!task) {
    if (typeof taskId !== 'string' || taskId === '' || taskId.length > upstreamIdMax) {
      throw new UpstreamFailure('malformed', 'it begins a task without an id that can be used')
    }
    const begun = await beginTask(parts, turn, {
      upstreamId: taskId,
      ttlMs: reply.result['ttlMs'],
      session: null,
      named: false,
    })
    const shown = await show(begun)
    if (request.talk.era === 'modern' || !shown.ok) return shown
    return { ok: true, result: createdTask(shown.result, begun.id) }
  }
  const isOther = taskId === undefined ? turn.tool.name === 'tasks/get' : taskId !== task.upstreamId
  if (isOther) throw new UpstreamFailure('malformed', 'it answers about another task')
  const decision = decideTask(parts, request.caller, task)
  if (!decision.ok) throw new AskRefused(decision.error)
  if (isOver(reply.result['status'])) noteOver(parts, task)
  return taskId === undefined ? reply : await show(task)
}

/** The handle in a reply that begins a task; null in any other. */
export function handleIn(
  { params }: Pick<AgentRequest, 'params'>,
  reply: RpcReply | null,
): Record<string, unknown> | null {
  if (!reply?.ok) return null
  const { resultType, task } = reply.result
  if (resultType === 'task') return reply.result
  // Up to 2025-11-25 the client says that it wants one.
  return params['task'] !== undefined && typeof task === 'object' ? (task as Record<string, unknown> | null) : null
}

/** What of a reply is recorded about a task; null when it is about none. */
export function taskRecord(
  request: Pick<AgentRequest, 'task' | 'params'> & { talk?: { requests: number } },
  turnTool: string,
  reply: RpcReply | null,
): TaskRecord | null {
  const { task } = request
  const handle = task ? null : handleIn(request, reply)
  if (!task && !handle) return null
  const { status } = handle ?? (reply?.ok ? reply.result : {})
  const known = typeof status === 'string' ? status : null
  const requests = request.talk?.requests ?? 1
  const record = { id: digestOf(task?.id ?? handle?.['taskId']), tool: task?.tool ?? turnTool, status: known }
  return requests > 1 ? { ...record, requests } : record
}

/** A server that works with tasks only refuses an agent that takes them, because it was not told so: what is missing is the grant. */
function notGranted(
  parts: PipelineParts,
  { talk, caller }: AgentRequest,
  { turn, reply, taken }: { turn: Turn; reply: RpcReply & { ok: false }; taken: boolean },
): RpcReply {
  if (reply.error.code !== missingCapabilityCode || taken || !namesTasks(talk.capabilities)) return reply
  const { requiredCapabilities } = (reply.error.data ?? {}) as { requiredCapabilities?: Record<string, unknown> }
  const decision = mayUseTasks(parts, caller, turn.server.id)
  if (decision.ok || !namesTasks(requiredCapabilities)) return reply
  throw new AskRefused(decision.error, 'upstream_error')
}

/** A task as its agent is shown it. Throws when it asks for what the agent may not be asked. */
export async function shownTask(
  parts: PipelineParts,
  who: Pick<AgentRequest, 'agent' | 'caller'>,
  { server, content, task }: { server: BrokeredServer; content: Record<string, unknown>; task: BrokeredTask },
): Promise<Record<string, unknown>> {
  const asks = inputRequests.safeParse(content['inputRequests'] ?? {})
  if (!asks.success) throw new UpstreamFailure('malformed', 'it asks for input in a way MCP does not know')
  const demanded = Object.entries(asks.data)
  if (demanded.length > asksAtOnceMax) throw new UpstreamFailure('malformed', asksTooMuch)
  for (const [key, ask] of demanded) await demand(parts, who, { server, task, key, ask })
  // What was decided about and nothing else: a key may have been passed over.
  const told = content['inputRequests'] === undefined ? {} : { inputRequests: Object.fromEntries(demanded) }
  return { ...content, ...told, taskId: task.id }
}

/** Throws when the agent may not be asked. A question is on the record once at a replica, however often the agent looks. */
async function demand(
  parts: PipelineParts,
  who: Pick<AgentRequest, 'agent' | 'caller'>,
  { server, task, key, ask }: { server: BrokeredServer; task: BrokeredTask; key: string; ask: { method: string } },
): Promise<void> {
  const { serverId } = task
  if (!isAsk(ask.method)) throw new AskRefused(asksOther(serverId))
  const call = { caller: who.caller, serverId, tool: ask.method, isMethod: true } as const
  if (task.asked.get(key) === ask.method && decide(call, parts.view, parts.now()).ok) return
  const permitted = await permit(parts, who, { server, ask, occasion: byAnswer })
  if (!permitted.ok) throw new AskRefused(permitted.error)
  // Of the oldest it is forgotten that they are on record.
  if (task.asked.size >= asksMax) task.asked.delete(task.asked.keys().next().value!)
  task.asked.set(key, ask.method)
}

/** Gives a task the id under which its agent knows it, and puts it among those that go on. `named`: its session at the server is in the id, as nothing else of its agent says it; `owned`: and nobody else's, so it ends with the task. */
export async function beginTask(
  parts: PipelineParts,
  turn: Turn,
  about: { upstreamId: string; ttlMs: unknown; session: UpstreamSession | null; named: boolean; owned?: boolean },
): Promise<BrokeredTask> {
  const { upstreamId, ttlMs, session, named, owned = false } = about
  const { tasks, taskBook } = parts.conversations
  const origin = originOf(turn)
  const naming = tasks.give(origin, { upstreamId, session: named ? session : null })
  const noted = taskBook.begin(origin, upstreamId, naming)
  try {
    const task = await naming
    await noteTask(parts, turn, { task, ttlMs, session, owned })
    return task
  } finally {
    noted()
  }
}

/** Its agent is answered all the same: what cannot be noted yet can be asked for, a stop refuses what is asked, and it is noted when that is possible. */
async function noteTask(
  parts: PipelineParts,
  { call, running, server }: Turn,
  { task, ...about }: { task: BrokeredTask; ttlMs: unknown; session: UpstreamSession | null; owned: boolean },
): Promise<void> {
  const signal = AbortSignal.any([running.signal, AbortSignal.timeout(noteMs)])
  const { taskBook } = parts.conversations
  const noted = { caller: call.caller, ...about }
  await untilAborted(taskBook.note(task, noted), signal).catch((error: unknown) => {
    const isKept = taskBook.noteLater(task, noted)
    const words = isKept ? 'a task that goes on could not be noted yet' : 'a task that goes on could not be noted'
    parts.holding.log.warn({ err: error, serverId: server.id }, words)
  })
}

/** Nobody waits for it: whoever is told of a stop finds that it is over all the same. */
export function noteOver(parts: PipelineParts, task: BrokeredTask): void {
  parts.conversations.taskBook.over(task).catch((error: unknown) => {
    parts.holding.log.warn({ err: error, serverId: task.serverId }, 'that a task is over could not be noted')
  })
}

/** What is said of a task that a call has begun. */
function originOf({ server, call, grant }: Turn): Parameters<PipelineParts['conversations']['tasks']['give']>[0] {
  const { agentId, runId } = call.caller
  return { agentId, runId, serverId: server.id, url: server.url, tool: call.tool, grantId: grant.id }
}
