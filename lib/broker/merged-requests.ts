import type { Denial } from '#lib/guardrails/schema.ts'
import { auditText } from './audit/records.ts'
import { auditDenial } from './denials.ts'
import { mergedAddress, splitAddress, splitPrompt } from './merged-addresses.ts'
import type { ReadMethod } from './methods.ts'
import { denyCounted, refuse } from './deny.ts'
import { runCall } from './pipeline.ts'
import { type AgentRequest, invalidParamsCode, type PipelineParts } from './pipeline-parts.ts'
import { type Answer, errorAnswer } from './wire.ts'

type Params = Record<string, unknown>
/** What a request names, and what it says to the server that this is of. */
type Named = { name: string; kind: 'prompt' | 'address'; paramsFor: (own: string) => Params }

/** Reads a resource, gets a prompt or completes at the server that the name says, on the way of a call there. */
export async function readMerged(parts: PipelineParts, request: AgentRequest, method: ReadMethod): Promise<Answer> {
  if (!parts.audit.available) return refuse(parts, request, auditDenial)
  const { caller, id } = request
  const named = namedIn(method, request.params)
  if (!named)
    return errorAnswer(200, id, { code: invalidParamsCode, message: `${method} needs ${needs[method] ?? ''}.` })
  const { name, kind, paramsFor } = named
  const target = kind === 'prompt' ? splitPrompt(name) : splitAddress(name)
  const asked = { ...request, method }
  if (!target || !parts.view.servers.has(target.serverId)) {
    const call = { caller, serverId: '', tool: method, isMethod: true } as const
    return denyCounted(parts, asked, { call, denial: namesNone(kind, name) })
  }
  const { serverId, own } = target
  return runCall(parts, { ...asked, params: paramsFor(own) }, { caller, serverId, tool: method, isMethod: true })
}

const needs: Partial<Record<ReadMethod, string>> = {
  'resources/read': 'the uri of a resource',
  'prompts/get': 'the name of a prompt',
  'completion/complete': 'a ref: of type ref/prompt with a name, or of type ref/resource with a uri',
}

function namedIn(method: ReadMethod, params: Params): Named | null {
  const { uri, name, ref } = params
  switch (method) {
    case 'resources/read':
      return typeof uri === 'string'
        ? { name: uri, kind: 'address', paramsFor: (own) => ({ ...params, uri: own }) }
        : null
    case 'prompts/get':
      return typeof name === 'string' ? { name, kind: 'prompt', paramsFor: (own) => ({ ...params, name: own }) } : null
    case 'completion/complete':
      return typeof ref === 'object' && ref !== null ? referredIn(params, ref as Params) : null
    default:
      return null
  }
}

function referredIn(params: Params, ref: Params): Named | null {
  const { type, name, uri } = ref
  if (type === 'ref/prompt' && typeof name === 'string')
    return { name, kind: 'prompt', paramsFor: (own) => ({ ...params, ref: { ...ref, name: own } }) }
  if (type === 'ref/resource' && typeof uri === 'string')
    return { name: uri, kind: 'address', paramsFor: (own) => ({ ...params, ref: { ...ref, uri: own } }) }
  return null
}

function namesNone(kind: Named['kind'], name: string): Denial {
  const here =
    kind === 'prompt'
      ? 'prompts are named {server}__{prompt}'
      : `addresses are ${mergedAddress('{server}', '{address}')}`
  return { rule: 'server_unknown', message: `${auditText(name)} names no registered server; here ${here}.` }
}
