import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import { type Answer, errorAnswer, type RpcId } from '../wire.ts'
import { type BrokeredTask, isOf } from './task-ids.ts'
import { missingCapabilityCode, tasksExtension } from './task-methods.ts'

/** Of a task whose session at its server is over: the server knows it no more. */
export const sessionlessTask: Denial = {
  rule: 'task_unknown',
  message: 'The server has forgotten the session of the task.',
}

export const unknownTask: Denial = { rule: 'task_unknown', message: 'There is no such task.' }

/** Why a task is none for this caller at this address, whatever they are granted; null when it is one of theirs. */
export function strangeTask(
  parts: PipelineParts,
  { caller, serverId }: { caller: Caller; serverId: string | null },
  task: BrokeredTask | null,
): Denial | null {
  if (!task) return unknownTask
  if (!isOf(task, caller)) {
    return { rule: 'task_not_yours', message: `The task of ${task.serverId}/${task.tool} is of ${task.agentId}.` }
  }
  if (serverId !== null && serverId !== task.serverId) return unknownTask
  return parts.view.servers.get(task.serverId)?.url === task.url ? null : unknownTask
}

/** To a client that has not said that it takes tasks. */
export function missingCapability(id: RpcId): Answer {
  const requiredCapabilities = { extensions: { [tasksExtension]: {} } }
  const message = `Missing required client capability: the extension ${tasksExtension}`
  return errorAnswer(400, id, { code: missingCapabilityCode, message, data: { requiredCapabilities } })
}
