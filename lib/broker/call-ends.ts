import { factsOfDenial } from '#lib/guardrails/rules/denial-facts.ts'
import type { ToolCall, ToolFacts } from '#lib/guardrails/rules/facts.ts'
import type { ResultFindings } from '#lib/guardrails/rules/guard-result.ts'
import { bindingLimit, limitFacts, limitWords } from '#lib/guardrails/rules/own-limits.ts'
import type { Denial, RuleId } from '#lib/guardrails/schema.ts'
import type { ExplainedFacts } from '#lib/guardrails/schema/explanation.ts'
import type { CallOutcome } from './audit/records.ts'
import type { Turn } from './conversation/conversation.ts'
import type { Guarded } from './guards.ts'
import { CallEnded } from './in-flight.ts'
import type { PipelineParts } from './pipeline-parts.ts'
import { CredentialFailure } from './upstream/credential.ts'
import type { UpstreamFailure } from './upstream/failure.ts'
import type { RpcReply } from './upstream/http.ts'

/** How a call that was sent ended. */
export type End = {
  outcome: CallOutcome
  reply: RpcReply | null
  denial: Denial | null
  findings?: ResultFindings | null
}

/** What a guard refuses stays here. */
export function endGuarded(outcome: CallOutcome, { reply, findings, denial }: Guarded): End {
  return { outcome, reply: denial ? null : reply, denial, findings }
}

export function outcomeOf(reply: RpcReply): CallOutcome {
  if (!reply.ok) return 'upstream_error'
  if (reply.large) return 'streamed'
  if (reply.result['resultType'] === 'input_required') return 'input_required'
  return reply.result['isError'] === true ? 'tool_error' : 'ok'
}

export function denialOf(
  parts: PipelineParts,
  turn: Pick<Turn, 'server' | 'agent' | 'tool'>,
  error: UpstreamFailure,
): Denial {
  const { tool } = turn
  if (error.kind === 'session_gone') {
    return { rule: 'session_ended', message: `The session at ${tool.serverId} has ended.` }
  }
  const binding = bindingOf(parts, turn, error)
  const whose = binding ? limitWords[binding.limitOf] : ''
  const message = `The server ${tool.serverId} did not carry out ${tool.name}: ${error.message}${whose}.`
  const rule = error instanceof CredentialFailure ? error.rule : ruleOf(error)
  return { rule, message, ...(binding ? { facts: binding } : {}) }
}

/** The limit that an answer was over, and whose it is; null for any other failure. */
function bindingOf(
  { limits }: PipelineParts,
  { server, agent }: Pick<Turn, 'server' | 'agent'>,
  { kind, limit, streamed }: UpstreamFailure,
): ReturnType<typeof limitFacts> | null {
  if (limit === null) return null
  const name = kind === 'too_deep' ? 'resultDepthMax' : 'resultBytesMax'
  const { resultBytesMax, streamBytesMax, resultDepthMax } = limits
  const ofBytes = streamed ? Math.max(streamBytesMax, resultBytesMax) : resultBytesMax
  const platform = kind === 'too_deep' ? resultDepthMax : ofBytes
  const { limitOf } = bindingLimit(platform, { server: server[name], agent: agent[name] })
  return limitFacts(name, { limit, limitOf })
}

/** It may have been sent, so it is on the record like any other end. */
export function failedHere(parts: PipelineParts, { error, tool }: { error: unknown; tool: ToolFacts }): Denial {
  parts.holding.log.error({ err: error, serverId: tool.serverId, tool: tool.name }, 'a call failed in the broker')
  const message = `${tool.name} of ${tool.serverId} failed in the broker; it may have been carried out.`
  return { rule: 'upstream_unavailable', message }
}

function ruleOf({ kind }: UpstreamFailure): RuleId {
  if (kind === 'too_large') return 'result_too_large'
  return kind === 'too_deep' ? 'result_too_deep' : 'upstream_unavailable'
}

/** What mattered to what ended it; undefined where nothing did. */
export function explainedEnd(
  { view, now }: PipelineParts,
  { denial }: End,
  call: ToolCall,
): ExplainedFacts | undefined {
  return denial ? factsOfDenial(denial, call, view, now()) : undefined
}

export function endOf(ended: CallEnded): End {
  const outcome = ended.denial?.rule === 'upstream_deadline' ? 'upstream_error' : 'aborted'
  return { outcome, reply: null, denial: ended.denial }
}

/** Ended by a rule, not by its deadline or by the agent. */
export function isStopped({ reason }: AbortSignal): boolean {
  return reason instanceof CallEnded && reason.denial !== null && reason.denial.rule !== 'upstream_deadline'
}
