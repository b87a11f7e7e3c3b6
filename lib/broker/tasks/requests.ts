import { askMethods } from '#lib/registry/schema.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { ToolFacts } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { auditDenial, circuitDenial } from '../denials.ts'
import { carryOut, deny, refuse } from '../pipeline.ts'
import { type AgentRequest, invalidParamsCode, type PipelineParts } from '../pipeline-parts.ts'
import type { BrokeredServer } from '../view/view.ts'
import { type Answer, errorAnswer } from '../wire.ts'
import { decideTask, namesTasks } from './offered.ts'
import { type BrokeredTask, isOf } from './task-ids.ts'
import { missingCapabilityCode, type TaskMethod, tasksExtension } from './task-methods.ts'

/** `tasks/get`, `tasks/update` and `tasks/cancel`: about a task of this agent and run, decided about as its tool was, and recorded like a call. */
export async function answerTask(parts: PipelineParts, request: AgentRequest, method: TaskMethod): Promise<Answer> {
  const { params, id, talk } = request
  if (!parts.audit.available) return refuse(parts, request, auditDenial)
  if (!namesTasks(talk.capabilities)) return missingCapability(request)
  const { taskId } = params
  if (typeof taskId !== 'string') {
    return errorAnswer(200, id, { code: invalidParamsCode, message: `${method} needs the taskId of a task.` })
  }
  const asked: AgentRequest = { ...request, method }
  const startedAt = performance.now()
  const task = await parts.conversations.tasks.read(taskId)
  const tooOften = parts.rates.takeForAgent(request.caller.agentId)
  const denial = strangeTask(parts, request, task) ?? tooOften
  request.telemetry.took('decide', startedAt)
  if (!task || denial) return denyTask(parts, asked, { serverId: request.serverId ?? '', denial: denial ?? unknown })
  return await carryOutTask(parts, { ...asked, task }, { method, task })
}

async function carryOutTask(
  parts: PipelineParts,
  request: AgentRequest,
  { method, task }: { method: TaskMethod; task: BrokeredTask },
): Promise<Answer> {
  const { caller, params } = request
  const { serverId, tool: toolName } = task
  const decision = decideTask(parts, caller, task)
  if (!decision.ok) return denyTask(parts, request, { serverId, denial: decision.error })
  const allowed = decision.value
  const server = allowed.server as BrokeredServer
  const call = { caller, serverId, tool: toolName }
  const denial =
    (method === 'tasks/update' ? uninvited(parts, request, task) : null) ??
    parts.rates.takeForServer(serverId) ??
    circuitDenial(parts.health, server, call)
  if (denial) return denyTask(parts, request, { serverId, denial })
  // While it is under way it ends with whatever would end a call of the tool.
  const tool = methodFacts(method, allowed.tool)
  return await carryOut(
    parts,
    { ...request, params: { ...params, taskId: task.upstreamId } },
    { call, allowed: { ...allowed, tool } },
  )
}

/** To look changes nothing; to answer or to cancel does what the tool does. */
function methodFacts(name: TaskMethod, tool: ToolFacts): ToolFacts {
  return { ...tool, name, class: name === 'tasks/get' ? 'read' : tool.class, isMethod: true }
}

const unknown: Denial = { rule: 'task_unknown', message: 'There is no such task.' }

function strangeTask(
  parts: PipelineParts,
  { caller, serverId }: AgentRequest,
  task: BrokeredTask | null,
): Denial | null {
  if (!task) return unknown
  if (!isOf(task, caller)) {
    return { rule: 'task_not_yours', message: `The task of ${task.serverId}/${task.tool} is of ${task.agentId}.` }
  }
  if (serverId !== null && serverId !== task.serverId) return unknown
  return parts.view.servers.get(task.serverId)?.url === task.url ? null : unknown
}

/** An answer to what the agent was not asked, or may not be asked any more; what was asked at another replica counts for all it may be. */
function uninvited(parts: PipelineParts, { caller, params }: AgentRequest, task: BrokeredTask): Denial | null {
  const { serverId, asked } = task
  const responses = (params['inputResponses'] ?? {}) as Record<string, unknown>
  for (const key of Object.keys(responses)) {
    const method = asked.get(key)
    let denial: Denial | null = null
    for (const tool of method === undefined ? askMethods : [method]) {
      const decision = decide({ caller, serverId, tool, isMethod: true }, parts.view, parts.now())
      denial = decision.ok ? null : decision.error
      if (decision.ok) break
    }
    if (denial) return denial
  }
  return null
}

function denyTask(
  parts: PipelineParts,
  request: AgentRequest,
  { serverId, denial }: { serverId: string; denial: Denial },
): Promise<Answer> {
  const call = { caller: request.caller, serverId, tool: String(request.method), isMethod: true } as const
  return deny(parts, request, { call, denial })
}

function missingCapability({ id }: AgentRequest): Answer {
  const requiredCapabilities = { extensions: { [tasksExtension]: {} } }
  const message = `Missing required client capability: the extension ${tasksExtension}`
  return errorAnswer(400, id, { code: missingCapabilityCode, message, data: { requiredCapabilities } })
}
