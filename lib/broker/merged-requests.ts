import { decide } from '#lib/guardrails/rules/decide.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { auditText } from './audit/records.ts'
import { auditDenial } from './denials.ts'
import { mergedAddress, splitAddress, splitPrompt } from './merged-addresses.ts'
import type { ReadMethod } from './methods.ts'
import { deny, denyCounted, refuse, refuseParams } from './deny.ts'
import { mayOffer, mergedOf } from './merged-offer.ts'
import { proceed, runCall } from './pipeline.ts'
import type { AgentRequest, PipelineParts } from './pipeline-parts.ts'
import type { Answer } from './wire.ts'

/** How much the servers of the merged endpoint are to log: decided about and recorded at each that may have the method, and kept by the broker for all of them. */
export async function setLevelMerged(parts: PipelineParts, request: AgentRequest): Promise<Answer> {
  if (!parts.audit.available) return refuse(parts, request, auditDenial)
  const { caller, agent } = request
  const method = 'logging/setLevel'
  const asked: AgentRequest = { ...request, method, once: { kept: null } }
  const tooOften = parts.rates.takeForAgent(caller.agentId)
  const none: Denial = { rule: 'grant_missing', message: `${agent.id} holds no grant that covers ${method}.` }
  const answers: Answer[] = []
  for (const server of tooOften ? [] : mergedOf(parts, agent)) {
    const call = { caller, serverId: server.id, tool: method, isMethod: true } as const
    const decision = decide(call, parts.view, parts.now())
    if (!decision.ok || !mayOffer(parts, server, method)) continue
    answers.push(await proceed(parts, asked, { call, allowed: decision.value, bypassed: null }))
  }
  // It is kept as soon as one of them takes it.
  const answer = answers.find(({ body }) => 'result' in (JSON.parse(body) as object)) ?? answers[0]
  if (answer) return answer
  const call = { caller, serverId: '', tool: method, isMethod: true } as const
  return deny(parts, asked, { call, denial: tooOften ?? none })
}

type Params = Record<string, unknown>
/** What a request names, and what it says to the server that this is of. */
type Named = { name: string; kind: 'prompt' | 'address'; paramsFor: (own: string) => Params }

/** Reads a resource, gets a prompt or completes at the server that the name says, on the way of a call there. */
export async function readMerged(parts: PipelineParts, request: AgentRequest, method: ReadMethod): Promise<Answer> {
  if (!parts.audit.available) return refuse(parts, request, auditDenial)
  const { caller } = request
  const named = namedIn(method, request.params)
  if (!named) return refuseParams(parts, request, `${method} needs ${needs[method] ?? ''}.`)
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
  'resources/subscribe': 'the uri of a resource',
  'resources/unsubscribe': 'the uri of a resource',
  'prompts/get': 'the name of a prompt',
  'completion/complete': 'a ref: of type ref/prompt with a name, or of type ref/resource with a uri',
}

function namedIn(method: ReadMethod, params: Params): Named | null {
  const { uri, name, ref } = params
  switch (method) {
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
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
