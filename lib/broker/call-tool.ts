import { isRecord } from '#lib/core/is-record.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import { denyCounted, refuse, refuseParams } from './deny.ts'
import { auditDenial, namesNoTool } from './denials.ts'
import { resolveMerged } from './merged-names.ts'
import { runCall } from './pipeline.ts'
import type { AgentRequest, PipelineParts } from './pipeline-parts.ts'
import { hasSessionTasks, mayUseTasks, onlyAsTask, takesAny, taskNotTranslated, withoutHint } from './tasks/offered.ts'
import { missingCapability } from './tasks/refusals.ts'
import type { BrokeredTool } from './view/view.ts'
import type { Answer } from './wire.ts'

const noArguments = {}

/** A call of a tool: which one it is, at which server, and whether it may be a call at all. */
export async function callTool(parts: PipelineParts, request: AgentRequest): Promise<Answer> {
  const { name, arguments: given } = request.params
  if (typeof name !== 'string' || (given !== undefined && !isRecord(given))) {
    const message = 'tools/call needs the name of a tool and, if any, its arguments as an object.'
    return refuseParams(parts, request, message)
  }
  if (!parts.audit.available) return refuse(parts, request, auditDenial)
  const { caller, serverId } = request
  const target = serverId === null ? resolveMerged(parts.view.servers, name) : { serverId, tool: name }
  if (!target)
    return denyCounted(parts, request, { call: { caller, serverId: '', tool: name }, denial: namesNoTool(name) })
  const call: ToolCall = { caller, ...target, arguments: given ?? noArguments }
  const tool = parts.view.servers.get(target.serverId)?.tools.get(target.tool)
  if (tool) {
    const refused = await refusedAsCall(parts, request, { call, tool })
    if (refused) return refused
  }
  return runCall(parts, withoutHint(parts, request, target.serverId), call)
}

/** The answer to the call of a tool that is only a task, where it can be none: of an agent that could have one the client has not said that it takes it. */
async function refusedAsCall(
  parts: PipelineParts,
  request: AgentRequest,
  { call, tool }: { call: ToolCall; tool: BrokeredTool },
): Promise<Answer | null> {
  const { caller, talk } = request
  const about = { caller, era: talk.era, serverId: request.serverId }
  if (!onlyAsTask(parts, tool, { ...about, takes: takesAny(talk) })) return null
  // What may not be called at all is refused as such.
  const decision = decide(call, parts.view, parts.now())
  if (!decision.ok) return denyCounted(parts, request, { call, denial: decision.error })
  if (!onlyAsTask(parts, tool, { ...about, takes: true })) return missingCapability(request.id)
  const may = mayUseTasks(parts, caller, tool.serverId)
  const denial = may.ok || !hasSessionTasks(parts, tool.serverId) ? taskNotTranslated(tool) : may.error
  return denyCounted(parts, request, { call, denial })
}
