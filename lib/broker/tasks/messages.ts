import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import type { RpcMessage } from '../upstream/http.ts'
import { untilAborted } from '../until-aborted.ts'
import type { BrokeredServer } from '../view/view.ts'
import { decideTask } from './offered.ts'
import { type BrokeredTask, isOf } from './task-ids.ts'

const relatedKey = 'io.modelcontextprotocol/related-task'
export const statusMethod = 'notifications/tasks/status'

type Content = Record<string, unknown>

/** Whether a message of a server before 2026-07-28 names a task. */
export function namesTask(message: RpcMessage): boolean {
  return message['method'] === statusMethod || relatedIn(message['params']) !== undefined
}

/** Whether it tells how a task is; then who may have the task has been decided. */
export function isTaskStatus(method: unknown): boolean {
  return method === statusMethod
}

/**
 * The message with the id by which this agent knows the task; null when it tells of a task that is none of its own, or that it may not ask for any more. Whose it is has to be known in
 * time, since what comes after it waits: a task that it is not known of by then is none of the agent's.
 */
export async function namedForAgent(
  parts: PipelineParts,
  { caller, server, task }: { caller: Caller; server: BrokeredServer; task?: BrokeredTask | undefined },
  message: RpcMessage,
): Promise<RpcMessage | null> {
  const params = (message['params'] ?? {}) as Content
  const isStatus = isTaskStatus(message['method'])
  const upstreamId = isStatus ? params['taskId'] : relatedIn(params)
  const known = typeof upstreamId === 'string' ? await findInTime(parts, { caller, server, task, upstreamId }) : null
  // Of what it is about the agent can only know its own.
  if (!isStatus) return { ...message, params: known ? relatedTo(params, known.id) : withoutRelated(params) }
  return known && decideTask(parts, caller, known).ok ? { ...message, params: { ...params, taskId: known.id } } : null
}

/** An agent's answer with the id by which the server knows the task. */
export async function namedForServer(parts: PipelineParts, caller: Caller, content: Content): Promise<Content> {
  const result = content['result'] as Content | undefined
  const id = relatedIn(result)
  if (!result || id === undefined) return content
  const task = typeof id === 'string' ? await parts.conversations.tasks.read(id) : null
  const known = task && isOf(task, caller) ? task : null
  return { ...content, result: known ? relatedTo(result, known.upstreamId) : withoutRelated(result) }
}

/** The same with another id, where it names a task at all. */
export function relatedTo(content: Content, taskId: string): Content {
  if (relatedIn(content) === undefined) return content
  const meta = content['_meta'] as Content
  return { ...content, _meta: { ...meta, [relatedKey]: { ...(meta[relatedKey] as Content), taskId } } }
}

type Sought = { caller: Caller; server: BrokeredServer; task?: BrokeredTask | undefined; upstreamId: string }

async function findInTime(parts: PipelineParts, sought: Sought): Promise<BrokeredTask | null> {
  if (sought.task?.upstreamId === sought.upstreamId) return sought.task
  const { limits, holding } = parts
  const late = AbortSignal.timeout(limits.taskNameMs)
  try {
    return await untilAborted(find(parts, sought), late)
  } catch (error) {
    if (!late.aborted) throw error
    holding.log.warn({ serverId: sought.server.id }, 'word of a task came to nobody: whose it is was not known in time')
    return null
  }
}

async function find(parts: PipelineParts, { caller, server, upstreamId }: Sought): Promise<BrokeredTask | null> {
  const { tasks, taskBook } = parts.conversations
  const owner = { agentId: caller.agentId, runId: caller.runId, serverId: server.id, url: server.url }
  const name = (await taskBook.names(owner, [upstreamId])).get(upstreamId)
  return name === undefined ? null : await tasks.read(name)
}

/** Says of what task it is. */
export function relatedMeta(content: Content, taskId: string): Content {
  const meta = typeof content['_meta'] === 'object' ? (content['_meta'] as Content | null) : null
  return { ...content, _meta: { ...meta, [relatedKey]: { taskId } } }
}

/** Without the id by which its server knows a task. */
export function withoutRelated(content: Content): Content {
  if (relatedIn(content) === undefined) return content
  const { [relatedKey]: _, ...meta } = content['_meta'] as Content
  return { ...content, _meta: meta }
}

function relatedIn(content: unknown): unknown {
  const meta = (content as { _meta?: unknown } | null | undefined)?._meta
  if (typeof meta !== 'object' || meta === null) return undefined
  return (meta as Record<string, { taskId?: unknown } | undefined>)[relatedKey]?.taskId
}
