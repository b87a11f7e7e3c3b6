import type { ServerCapabilities } from '@modelcontextprotocol/server'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import { listMerged } from './merged-lists.ts'
import { offeredMerged } from './merged-offer.ts'
import { readMerged, setLevelMerged } from './merged-requests.ts'
import { isListMethod, type ReadMethod } from './methods.ts'
import { refuse } from './deny.ts'
import { runCall } from './pipeline.ts'
import { type AgentRequest, type PipelineParts } from './pipeline-parts.ts'
import { auditDenial } from './denials.ts'
import { tasksOffered } from './tasks/offered.ts'
import type { Answer, Era } from './wire.ts'

/** Resources, prompts and completion go to the server for an agent that may read all of it, on the way of a call and recorded as one. */
export async function readMethod(parts: PipelineParts, request: AgentRequest, method: ReadMethod): Promise<Answer> {
  const { caller, serverId } = request
  if (serverId === null) {
    if (method === 'logging/setLevel') return setLevelMerged(parts, request)
    return isListMethod(method) ? listMerged(parts, request, method) : readMerged(parts, request, method)
  }
  if (!parts.audit.available) return refuse(parts, request, auditDenial)
  return runCall(parts, { ...request, method }, { caller, serverId, tool: method, isMethod: true })
}

/** What a handshake offers: tools and word of their changes to everybody, tasks to whom is granted them; of the rest what the server said itself, to whom may read it. */
export function passedTo(
  parts: PipelineParts,
  { caller, serverId, era }: { caller: Caller; serverId: string | null; era: Era },
): ServerCapabilities {
  const always = { tools: { listChanged: true }, ...tasksOffered(parts, { caller, serverId, era }) }
  if (serverId === null) return { ...always, ...offeredMerged(parts, caller) }
  const server = parts.view.servers.get(serverId)
  if (!server) return always
  const now = parts.now()
  const may = (method: ReadMethod) =>
    decide({ caller, serverId: server.id, tool: method, isMethod: true }, parts.view, now).ok
  const { resources, prompts, completions, logging } = parts.upstreams.spokenTo(server)?.capabilities ?? {}
  return {
    ...always,
    ...(resources && may('resources/list') ? { resources: only(resources, ['subscribe', 'listChanged']) } : {}),
    ...(prompts && may('prompts/list') ? { prompts: only(prompts, ['listChanged']) } : {}),
    ...(completions && may('completion/complete') ? { completions: {} } : {}),
    ...(logging && may('logging/setLevel') ? { logging: {} } : {}),
  }
}

/** The flags that are set: what else a server says of itself is not the broker's to promise. */
function only(capability: Readonly<Record<string, unknown>>, flags: readonly string[]): Record<string, true> {
  return Object.fromEntries(flags.filter((flag) => capability[flag] === true).map((flag) => [flag, true]))
}
