import { decide } from '#lib/guardrails/rules/decide.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { ReadMethod } from './methods.ts'
import { type AgentRequest, type PipelineParts, refuse, runCall } from './pipeline.ts'
import { auditDenial } from './denials.ts'
import type { Answer } from './wire.ts'

/** What a server offers besides tools. */
export type Passed = { resources: boolean; prompts: boolean; completions: boolean }

const nothing: Passed = { resources: false, prompts: false, completions: false }

/** Resources, prompts and completion go to the server for an agent that may read all of it, on the way of a call and recorded as one. */
export async function readMethod(parts: PipelineParts, request: AgentRequest, method: ReadMethod): Promise<Answer> {
  const { caller, serverId } = request
  if (!parts.audit.available || serverId === null) return refuse(parts, request, auditDenial)
  return runCall(parts, { ...request, method }, { caller, serverId, tool: method, isMethod: true })
}

/** What a handshake says of a server besides its tools: what the server said itself, to whom may read it. */
export function passedTo(
  parts: PipelineParts,
  { caller, serverId }: { caller: Caller; serverId: string | null },
): Passed {
  const server = serverId === null ? undefined : parts.view.servers.get(serverId)
  if (!server) return nothing
  const call = { caller, serverId: server.id, tool: 'resources/list', isMethod: true } as const
  if (!decide(call, parts.view, parts.now()).ok) return nothing
  const capabilities = parts.upstreams.capabilitiesOf(server)
  return {
    resources: capabilities?.resources !== undefined,
    prompts: capabilities?.prompts !== undefined,
    completions: capabilities?.completions !== undefined,
  }
}
