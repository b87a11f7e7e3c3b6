import { digestOf } from '#lib/core/canonical-json.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { type AuditRow, finishedRow } from '../audit/records.ts'
import { auditDenial } from '../denials.ts'
import { type AgentRequest, type PipelineParts, recorded } from '../pipeline-parts.ts'
import { asksAtOnceMax } from './asks.ts'
import { openState, type State } from './input-required.ts'
import { methodOf } from './unproven.ts'

/** Whether a request says that it goes on with a call. */
export function isContinued({ params }: AgentRequest): boolean {
  return params['requestState'] !== undefined || params['inputResponses'] !== undefined
}

export const noAnswers = `The inputResponses are no answers by key, ${asksAtOnceMax} at most.`

/** Null for what is none, or too many: each costs a decision and a record. */
export function answersIn(given: unknown): [string, unknown][] | null {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return null
  const answers = Object.entries(given)
  return answers.length > asksAtOnceMax ? null : answers
}

/**
 * What a call goes on from, when its agent brings answers: every one of them is to something that the call asked for and that the agent may
 * still be asked, and on the record before it goes on. Null: there is no state, and the answers are unproven.
 */
export async function readContinued(
  parts: PipelineParts,
  request: AgentRequest,
  call: ToolCall,
): Promise<Result<State | null, Denial>> {
  const { requestState, inputResponses } = request.params
  if (request.talk.era === 'legacy')
    return unknown('A session answers what it is asked under the id it was asked with.')
  const state = requestState === undefined ? null : await openState(parts, request, call)
  if (requestState !== undefined && !state) return unknown('The requestState is not one of this call.')
  if (state && state.until <= parts.now().getTime()) return err(expired(state))
  if (inputResponses === undefined) return ok(state)
  const answers = answersIn(inputResponses)
  if (!answers) return unknown(noAnswers)
  const { caller, agent } = request
  const { serverId } = call
  const rows: AuditRow[] = []
  for (const [key, answer] of answers) {
    const method = methodUnder(state, key, answer)
    if (method === undefined) return unknown(`Nothing was asked under the key ${key.slice(0, 100)}.`)
    const decision = decide({ caller, serverId, tool: method, isMethod: true }, parts.view, parts.now())
    if (!decision.ok) return decision
    // Without a state it is no answer yet: that the server asks for it is found out, and put on record, when it is called.
    if (!state) continue
    const { tool, judged } = decision.value
    const record = { agent, caller, tool, judged, argumentsDigest: digestOf(answer) }
    const now = parts.now()
    rows.push(
      finishedRow(record, { outcome: 'ok', ms: sinceAsked(parts, state, now), denial: null, findings: null, now }),
    )
  }
  const durable = await Promise.all(rows.map((row) => recorded(parts, row, { happened: false })))
  return durable.every(Boolean) ? ok(state) : err(auditDenial)
}

/** Whether what it answers may still be answered: a call that was held may have waited long. Null when it may. */
export function decideAnswers(
  parts: PipelineParts,
  { caller, params, state = null }: AgentRequest,
  serverId: string,
): Denial | null {
  for (const [key, answer] of answersIn(params['inputResponses'] ?? {}) ?? []) {
    const tool = methodUnder(state, key, answer) ?? ''
    const decision = decide({ caller, serverId, tool, isMethod: true }, parts.view, parts.now())
    if (!decision.ok) return decision.error
  }
  return null
}

/** The request with the arguments that an approver made of its own: whose call it is, its own still say. */
export function withEdited(request: AgentRequest, edited: Readonly<Record<string, unknown>>): AgentRequest {
  const { params, sent = params } = request
  return { ...request, params: { ...params, arguments: edited }, sent }
}

function sinceAsked({ limits }: PipelineParts, { until }: State, now: Date): number {
  return Math.max(0, now.getTime() - (until - limits.stateMs))
}

function methodUnder(state: State | null, key: string, answer: unknown): string | undefined {
  if (!state) return methodOf(answer)
  return Object.hasOwn(state.asked, key) ? state.asked[key] : undefined
}

function expired({ until }: State): Denial {
  const message = `The requestState was good until ${new Date(until).toISOString()}. Make the call again without requestState and inputResponses.`
  return { rule: 'state_expired', message }
}

function unknown(message: string): Result<never, Denial> {
  return err({ rule: 'answer_unknown', message })
}
