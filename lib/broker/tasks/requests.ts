import { askMethods, tasksMethod } from '#lib/registry/schema.ts'
import { type Allowed, decide } from '#lib/guardrails/rules/decide.ts'
import type { Result } from '#lib/core/result.ts'
import type { ToolCall, ToolFacts } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { answersIn, noAnswers } from '../conversation/continued.ts'
import { auditDenial } from '../denials.ts'
import { deny, refuse, refuseParams } from '../deny.ts'
import { admit, carryOut } from '../pipeline.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import type { Answer } from '../wire.ts'
import { decideTask, isServersOwn, mayUseTasks, namesTasks } from './offered.ts'
import { missingCapability, strangeTask, unknownTask } from './refusals.ts'
import type { BrokeredTask } from './task-ids.ts'
import { listOwnTasks } from './task-list.ts'
import type { TaskMethod } from './task-methods.ts'

/** The methods of tasks: about a task of this agent and run, decided about as its tool is, and recorded like a call. */
export async function answerTask(parts: PipelineParts, request: AgentRequest, method: TaskMethod): Promise<Answer> {
  const { params, id, talk } = request
  if (!parts.audit.available) return refuse(parts, request, auditDenial)
  if (talk.era === 'modern' && !namesTasks(talk.capabilities)) return missingCapability(id)
  const asked: AgentRequest = { ...request, method }
  if (method === 'tasks/list') {
    return isServersOwn(parts, asked) ? await listTasks(parts, asked) : await listOwnTasks(parts, asked, look)
  }
  const { taskId } = params
  if (typeof taskId !== 'string') return refuseParams(parts, request, `${method} needs the taskId of a task.`)
  const startedAt = performance.now()
  // To read an id may cost a call of the service that keeps the keys.
  const tooOften = parts.rates.takeForAgent(request.caller.agentId)
  const task = tooOften ? null : await parts.conversations.tasks.read(taskId)
  const denial = tooOften ?? strangeTask(parts, request, task)
  request.telemetry.took('decide', startedAt)
  if (!task || denial)
    return denyTask(parts, asked, { serverId: request.serverId ?? '', denial: denial ?? unknownTask })
  const { serverId, tool } = task
  const uninvited = method === 'tasks/update' ? uninvitedIn(parts, request, task) : null
  return await carryOutMethod(
    parts,
    { ...asked, task, params: { ...params, taskId: task.upstreamId } },
    { method, call: { caller: request.caller, serverId, tool }, decision: decideTask(parts, request.caller, task) },
    uninvited,
  )
}

/** A look at one of those that are listed, as if its agent had asked for it. */
function look(parts: PipelineParts, request: AgentRequest, task: BrokeredTask): Promise<Answer> {
  const { serverId, tool, upstreamId: taskId } = task
  const call = { caller: request.caller, serverId, tool }
  const asked: AgentRequest = { ...request, method: 'tasks/get', task, params: { taskId } }
  const decision = decideTask(parts, request.caller, task)
  return carryOutMethod(parts, asked, { method: 'tasks/get', call, decision }, null)
}

/** Which tasks the server has is no matter of one tool: it needs the grant of tasks. */
async function listTasks(parts: PipelineParts, request: AgentRequest): Promise<Answer> {
  const { caller } = request
  const serverId = request.serverId ?? ''
  const tooOften = parts.rates.takeForAgent(caller.agentId)
  if (tooOften) return denyTask(parts, request, { serverId, denial: tooOften })
  const call = { caller, serverId, tool: tasksMethod, isMethod: true } as const
  return await carryOutMethod(
    parts,
    request,
    { method: 'tasks/list', call, decision: mayUseTasks(parts, caller, serverId) },
    null,
  )
}

/** `call`: while the request is under way it ends with whatever would end that. */
async function carryOutMethod(
  parts: PipelineParts,
  request: AgentRequest,
  { method, call, decision }: { method: TaskMethod; call: ToolCall; decision: Result<Allowed, Denial> },
  uninvited: Denial | null,
): Promise<Answer> {
  const { serverId } = call
  if (!decision.ok) return denyTask(parts, request, { serverId, denial: decision.error })
  const allowed = decision.value
  const denial = uninvited ?? admit(parts, request, { call, allowed })
  if (denial) return denyTask(parts, request, { serverId, denial })
  return await carryOut(parts, request, { call, allowed: { ...allowed, tool: methodFacts(method, allowed.tool) } })
}

/** To look changes nothing; to answer or to cancel does what the tool does. It costs nothing: the call that began the task did. */
function methodFacts(name: TaskMethod, tool: ToolFacts): ToolFacts {
  const changes = name === 'tasks/update' || name === 'tasks/cancel'
  return { ...tool, name, class: changes ? tool.class : 'read', isMethod: true, listUnitPriceMicros: null }
}

/** An answer to what the agent was not asked, or may not be asked any more; what was asked at another replica counts for all it may be. */
function uninvitedIn(parts: PipelineParts, { caller, params }: AgentRequest, task: BrokeredTask): Denial | null {
  const { serverId, asked } = task
  const answers = answersIn(params['inputResponses'] ?? {})
  if (!answers) return { rule: 'answer_unknown', message: noAnswers }
  for (const [key] of answers) {
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
