import type { IncomingMessage } from 'node:http'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import { factsOfDenial } from '#lib/guardrails/rules/denial-facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { onRecord } from '../audit/on-record.ts'
import type { Answer, RpcId } from '../wire.ts'
import { schemeOf } from './authenticate.ts'
import { challenge, statusOf } from './challenge.ts'
import { type Admitted, type Exchange, type McpEndpointParts, refused } from './exchange.ts'
import { idOf } from './messages.ts'

// Who is refused before anything is decided about a call: each of them on record before the answer, or not answered so.

/** Refuses who calls, with the challenge; a caller the token names is recorded by name, everybody else by their address. */
export async function refuseToken(
  parts: McpEndpointParts,
  request: IncomingMessage,
  about: { path: string; serverId: string | null; denial: Denial; caller: Caller | null },
): Promise<Answer> {
  const { path, serverId, denial, caller } = about
  const status = statusOf(denial)
  const address = addressOf(request)
  parts.unknownCallers.note(request, { denial, caller, serverId, address })
  const answer = caller
    ? await refuseCaller(parts, { status, caller, serverId, denial })
    : await refuseStranger(parts, request, { status, denial })
  if (answer.status !== status || (status !== 401 && status !== 403)) return answer
  const words = challenge(parts.addresses, { path, denial, scheme: schemeOf(request) })
  return { ...answer, headers: { ...answer.headers, 'www-authenticate': words } }
}

/** On record like any other refusal: a limit may be the agent's own. */
export function refuseRequest(
  parts: McpEndpointParts,
  { caller, serverId }: Pick<Exchange, 'serverId'> & Admitted,
  { status, denial, body }: { status: number; denial: Denial; body?: unknown },
): Promise<Answer> {
  return refuseCaller(parts, { status, caller, serverId, denial, id: body === undefined ? null : idOf(body) })
}

/** Of a session that the caller names and does not have: 404, as MCP demands, whoever else may have it. */
export function refuseSession(parts: McpEndpointParts, exchange: Exchange & Admitted, body?: unknown): Promise<Answer> {
  const denial: Denial = {
    rule: 'session_not_found',
    message: 'Session not found: begin a new one with initialize.',
  }
  return refuseRequest(parts, exchange, { status: 404, denial, body })
}

type RefusedCaller = { status: number; caller: Caller; serverId: string | null; denial: Denial; id?: RpcId }

export async function refuseCaller(
  parts: McpEndpointParts,
  { status, caller, serverId, denial, id = null }: RefusedCaller,
): Promise<Answer> {
  const { view } = parts.keeper
  const agent = view.agents.get(caller.agentId)
  const explained = factsOfDenial(denial, { caller, serverId: serverId ?? '', tool: '' }, view, new Date())
  const decisionId = await onRecord(parts.refusedCallers.note({ caller, denial, agent, serverId, explained }))
  if (decisionId === null) return unrecorded(parts)
  return refused(parts, status, denial, { agentId: caller.agentId, decisionId, explained }, id, serverId)
}

/** Of whom no more is known than where they call from. */
export async function refuseStranger(
  parts: McpEndpointParts,
  request: IncomingMessage,
  { status, denial }: { status: number; denial: Denial },
): Promise<Answer> {
  const id = await onRecord(parts.strangers.note({ denial, address: addressOf(request) }))
  return id === null ? unrecorded(parts) : refused(parts, status, denial)
}

function unrecorded(parts: McpEndpointParts): Answer {
  return refused(parts, 503, { rule: 'audit_unavailable', message: 'The audit log cannot be written now.' })
}

function addressOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? 'unknown'
}
