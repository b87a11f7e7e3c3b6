import { isRecord } from '#lib/core/is-record.ts'
import { paths } from '#lib/core/paths.ts'
import { explainRule } from '#lib/guardrails/rules/explain.ts'
import { withLimitOwner } from '#lib/guardrails/rules/own-limits.ts'
import { stepOf } from '#lib/guardrails/rules/steps.ts'
import { usageOf } from '#lib/guardrails/rules/usage.ts'
import type { Denial, RuleWords } from '#lib/guardrails/schema.ts'
import type { ExplainedFacts } from '#lib/guardrails/schema/explanation.ts'

// The broker's one mapping of refusals to the wire.

/** Which revision of MCP an exchange speaks: 2026-07-28 and later, or the sessions before it. */
export type Era = 'modern' | 'legacy'
export type RpcId = string | number | null
export type RpcError = { code: number; message: string; data?: unknown }
/** Where the parts of a body go that is not held as a whole. To wait for the promise is to go no faster than the agent reads. */
export type StreamedBody = { write(text: string): Promise<void> | void }
/** With `stream` the body is what that writes; if it rejects, the exchange is broken off. */
export type Answer = {
  status: number
  body: string
  headers?: Record<string, string>
  stream?: (write: StreamedBody['write']) => Promise<void>
}

/** No answer in this exchange: the stream ends, and the agent gets the rest of it in another one. */
export const cutAnswer: Answer = { status: 200, body: '' }

/** Where a refused agent's people look next, which audit row says why, and what mattered. */
export type Pointer = {
  portalUrl: string
  agentId?: string
  serverId?: string
  decisionId?: string
  explained?: ExplainedFacts
}

/** JSON-RPC codes of our own, in the range implementations may use. */
export const refusedCode = -32010
const invalidParamsCode = -32602
/** As servers say it that keep sessions. */
export const sessionGoneCode = -32001
/** What is said wrongly, or names something that is none for the caller. */
const wrongParams: ReadonlySet<string> = new Set([
  'params_invalid',
  'task_unknown',
  'task_not_yours',
  'answer_unknown',
  'state_expired',
])

export const serverInfoKey = 'io.modelcontextprotocol/serverInfo'
export const brokerInfo = { name: 'wheelhouse-broker', title: 'Wheelhouse', version: '1' } as const
/** In a refused call's `_meta`, as in the data of an error: an explanation (lib/guardrails/schema/explanation.ts) in short, with its numbers for programs beside it. */
const denialKey = 'wheelhouse/denial'

/** A refused call as a result the model can read: rule, reason, what to do, and where. */
export function deniedCallAnswer(era: Era, id: RpcId, denial: Denial, pointer: Pointer): Answer {
  const data = dataOf(denial, pointer)
  if (denial.rule === 'tool_unknown' || denial.rule === 'tool_removed' || wrongParams.has(denial.rule)) {
    return errorAnswer(200, id, { code: invalidParamsCode, message: textOf(denial, pointer), data })
  }
  const content = [{ type: 'text', text: textOf(denial, pointer) }]
  return resultAnswer(era, id, { content, isError: true, _meta: { [denialKey]: data } })
}

/** A caller or a whole request that is refused, with the HTTP status that says so too. A task that is none for the caller is a wrong parameter. */
export function refusedAnswer(status: number, id: RpcId, denial: Denial, pointer: Pointer): Answer {
  const error = { code: codeOf(denial, status), message: textOf(denial, pointer), data: dataOf(denial, pointer) }
  const answer = errorAnswer(status, id, error)
  return status === 503 ? { ...answer, headers: { 'retry-after': '1' } } : answer
}

function codeOf({ rule }: Denial, status: number): number {
  if (rule === 'session_not_found') return sessionGoneCode
  // What names no server at an address that has several is a wrong parameter; an address of none is none of JSON-RPC's.
  const isWrong = wrongParams.has(rule) || (rule === 'server_unknown' && status === 200)
  return isWrong ? invalidParamsCode : refusedCode
}

export function resultAnswer(era: Era, id: RpcId, result: Record<string, unknown>): Answer {
  return { status: 200, body: JSON.stringify({ jsonrpc: '2.0', id, result: inEra(era, result) }) }
}

export function errorAnswer(status: number, id: RpcId, error: RpcError): Answer {
  return { status, body: JSON.stringify({ jsonrpc: '2.0', id, error }) }
}

/** From 2026-07-28 on the status of an error says something; before, it was 200 for all that a server answers. */
export function statusFor(era: Era, status: number): number {
  return era === 'modern' && (status === 400 || status === 404) ? status : 200
}

/** Says a result the way the era does: from 2026-07-28 on it names its type and who answered. */
function inEra(era: Era, result: Record<string, unknown>): Record<string, unknown> {
  if (era === 'legacy') {
    if (!('resultType' in result)) return result
    const { resultType: _, ...rest } = result
    return rest
  }
  // What is no object says nothing that anybody could read.
  const meta = isRecord(result['_meta']) ? result['_meta'] : {}
  return {
    resultType: 'complete',
    ...result,
    _meta: serverInfoKey in meta ? meta : { ...meta, [serverInfoKey]: brokerInfo },
  }
}

function textOf(denial: Denial, pointer: Pointer): string {
  const { title, remedy } = wordsOf(denial)
  const decision = pointer.decisionId ? ` Decision ${pointer.decisionId}.` : ''
  return `Refused by the rule ${denial.rule} (${title}). ${denial.message} ${remedy}${decision} See ${linkOf(denial, pointer)}`
}

function dataOf(denial: Denial, pointer: Pointer): Record<string, unknown> {
  const { rule, facts = {} } = denial
  const { title, remedy, setBy, changedBy } = wordsOf(denial)
  const known = pointer.explained ?? facts
  return {
    rule,
    title,
    step: stepOf(rule, known),
    facts: known,
    usage: usageOf(rule, known, new Date()),
    setBy: { text: setBy },
    changedBy: { roles: changedBy.roles },
    remedy,
    decision: pointer.decisionId ?? null,
    link: linkOf(denial, pointer),
    ...facts,
  }
}

function wordsOf({ rule, words, facts }: Denial): RuleWords {
  return words ?? withLimitOwner(rule, explainRule(rule), facts)
}

/** The page that explains the decision, else that of its rule: both lead on to where this agent's people can change it. */
function linkOf({ rule }: Denial, { portalUrl, agentId, serverId, decisionId }: Pointer): string {
  if (decisionId) return portalUrl + paths.decision(decisionId)
  return portalUrl + paths.rule(rule, { agent: rule === 'agent_unknown' ? undefined : agentId, server: serverId })
}
