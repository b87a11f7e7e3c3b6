import { z } from 'zod'
import { AskRefused } from '../conversation/refusal.ts'
import type { Turn } from '../conversation/conversation.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import type { RpcReply } from '../upstream/http.ts'
import type { UpstreamSession } from '../upstream/request.ts'
import { relatedTo } from './messages.ts'
import { decideTask } from './offered.ts'
import { beginTask, noteOver } from './replies.ts'
import { isOver } from './task-book.ts'
import { untilAborted } from '../until-aborted.ts'
import { upstreamIdMax } from './task-ids.ts'

// The tasks of 2025-11-25, between an agent and a server that both have sessions.

/** How long a reply waits for the database. */
const databaseMs = 5000

const task = z.looseObject({ taskId: z.string().min(1).max(upstreamIdMax) })
const created = z.looseObject({ task })
const list = z.looseObject({ tasks: z.array(task) })

/** A server's reply as far as it speaks of tasks, with the ids that the agent knows them by. */
export async function aboutSessionTask(
  parts: PipelineParts,
  request: AgentRequest,
  { turn, reply, own }: { turn: Turn; reply: RpcReply; own: UpstreamSession },
): Promise<RpcReply> {
  if (!reply.ok) return reply
  const { name, isMethod } = turn.tool
  if (isMethod && name === 'tasks/list') return await ofThisAgent(parts, request, { turn, reply })
  if (!request.task) return await begun(parts, request, { turn, reply, own })
  const decision = decideTask(parts, request.caller, request.task)
  if (!decision.ok) throw new AskRefused(decision.error)
  const { result } = reply
  if (name === 'tasks/result') {
    noteOver(parts, request.task)
    return { ok: true, result: relatedTo(result, request.task.id) }
  }
  if (result['taskId'] !== request.task.upstreamId) {
    throw new UpstreamFailure('malformed', 'it answers about another task')
  }
  if (isOver(result['status'])) noteOver(parts, request.task)
  return { ok: true, result: { ...result, taskId: request.task.id } }
}

/** A call for which the agent asked for a task. A server that makes none of it answers it as any call. */
async function begun(
  parts: PipelineParts,
  request: AgentRequest,
  { turn, reply, own }: { turn: Turn; reply: RpcReply & { ok: true }; own: UpstreamSession },
): Promise<RpcReply> {
  if (request.params['task'] === undefined || !('task' in reply.result)) return reply
  const parsed = created.safeParse(reply.result)
  if (!parsed.success) throw new UpstreamFailure('malformed', 'it begins a task without an id that can be used')
  const { taskId, ttl } = parsed.data.task
  const named = request.serverId === null
  const given = await beginTask(parts, turn, { upstreamId: taskId, ttlMs: ttl, session: own, named })
  const result = { ...reply.result, task: { ...parsed.data.task, taskId: given.id } }
  return { ok: true, result: relatedTo(result, given.id) }
}

function waiting({ running }: Turn): AbortSignal {
  return AbortSignal.any([running.signal, AbortSignal.timeout(databaseMs)])
}

/** Of the tasks a server lists those that this agent began in this run, and may still ask for. */
async function ofThisAgent(
  parts: PipelineParts,
  { caller }: AgentRequest,
  { turn, reply }: { turn: Turn; reply: RpcReply & { ok: true } },
): Promise<RpcReply> {
  const parsed = list.safeParse(reply.result)
  if (!parsed.success) throw new UpstreamFailure('malformed', 'it lists what are no tasks')
  const { tasks, taskBook } = parts.conversations
  const { id: serverId, url } = turn.server
  const owner = { agentId: caller.agentId, runId: caller.runId, serverId, url }
  const listed = parsed.data.tasks
  const ids = listed.map(({ taskId }) => taskId)
  const names = await untilAborted(taskBook.names(owner, ids), waiting(turn)).catch((error: unknown) => {
    throw turn.running.signal.aborted ? error : new UpstreamFailure('unreachable', 'its tasks cannot be looked up now')
  })
  const shown: Record<string, unknown>[] = []
  for (const item of listed) {
    const name = names.get(item.taskId)
    const known = name === undefined ? null : await tasks.read(name)
    if (known && decideTask(parts, caller, known).ok) shown.push({ ...item, taskId: known.id })
  }
  return { ok: true, result: { ...reply.result, tasks: shown } }
}
