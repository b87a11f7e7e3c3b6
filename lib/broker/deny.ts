import { factsOfDenial } from '#lib/guardrails/rules/denial-facts.ts'
import type { ToolCall, ToolFacts } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { ExplainedFacts } from '#lib/guardrails/schema/explanation.ts'
import { AuditUnavailable } from './audit/group-commit.ts'
import { type AuditRow, type DeniedFacts, deniedRow } from './audit/records.ts'
import { auditDenial } from './denials.ts'
import { emptyList, recordedArguments, resultFor } from './methods.ts'
import { type AgentRequest, type PipelineParts, recorded } from './pipeline-parts.ts'
import { type Answer, deniedCallAnswer, type Pointer, refusedAnswer, resultAnswer } from './wire.ts'

/** Puts a refusal on record and says it. */
export async function deny(
  parts: PipelineParts,
  request: AgentRequest,
  { call, denial }: { call: ToolCall; denial: Denial },
): Promise<Answer> {
  const tool = toolOf(parts, call)
  const given = recordedArguments(request.params, call.isMethod === true)
  const { telemetry } = request
  const now = parts.now()
  const explained = factsOfDenial(denial, call, parts.view, now)
  const facts = { agent: request.agent, tool, arguments: given, explained, traceId: telemetry.traceId, now }
  telemetry.called({
    // What a caller makes up is no label.
    server: parts.view.servers.has(call.serverId) ? call.serverId : '',
    tool: tool || call.isMethod ? call.tool : '',
    class: tool?.class ?? (call.isMethod ? 'read' : 'unknown'),
    decision: 'deny',
    outcome: denial.rule,
  })
  const decisionId = isInsisting(denial)
    ? await counted(parts, request, { call, denial, facts })
    : await onRecord(parts, request, deniedRow(call, denial, facts))
  if (decisionId === null) return refuse(parts, request, auditDenial)
  const about = { serverId: call.serverId, decisionId, explained }
  return deniedAnswer(request, denial, pointerOf(parts, request, about))
}

/** As `deny`, of a call that was not counted against the rate of its agent yet: whoever names what is not there is slowed like anybody else. */
export async function denyCounted(
  parts: PipelineParts,
  request: AgentRequest,
  { call, denial }: { call: ToolCall; denial: Denial },
): Promise<Answer> {
  const tooOften = parts.rates.takeForAgent(call.caller.agentId)
  return deny(parts, request, { call, denial: tooOften ?? denial })
}

async function onRecord(parts: PipelineParts, { telemetry }: AgentRequest, row: AuditRow): Promise<string | null> {
  return (await recorded(parts, row, { happened: false, telemetry })) ? String(row['id']) : null
}

function isInsisting({ rule, facts }: Denial): boolean {
  return rule === 'rate_limited' && facts?.['scope'] === 'agent'
}

type Refused = { call: ToolCall; denial: Denial; facts: DeniedFacts }

/** With the others of the same second, when it is not the first. */
async function counted(
  parts: PipelineParts,
  { telemetry }: AgentRequest,
  { call, denial, facts }: Refused,
): Promise<string | null> {
  const startedAt = performance.now()
  try {
    return await parts.refusedCalls.note(call, deniedRow(call, denial, facts), (of, count) => {
      const about = { ...facts, tool: toolOf(parts, of), arguments: undefined, traceId: undefined, count }
      return deniedRow(of, denial, { ...about, now: parts.now() })
    })
  } catch (error) {
    if (error instanceof AuditUnavailable) return null
    throw error
  } finally {
    telemetry.took('audit', startedAt)
  }
}

/** Undefined where it is none, as of several. */
function toolOf({ view }: PipelineParts, { serverId, tool }: ToolCall): ToolFacts | undefined {
  return view.servers.get(serverId)?.tools.get(tool)
}

/** A tool's refusal is a result the model can read; a method's is an error, and what is not granted is not listed. */
export function deniedAnswer({ era, id, method }: AgentRequest, denial: Denial, pointer: Pointer): Answer {
  if (!method) return deniedCallAnswer(era, id, denial, pointer)
  const hidden = denial.rule.startsWith('grant_') || denial.rule.startsWith('policy_') ? emptyList(method) : null
  return hidden ? resultAnswer(era, id, resultFor(era, method, hidden)) : refusedAnswer(200, id, denial, pointer)
}

/** What a request says is not what its method takes. */
export function refuseParams(parts: PipelineParts, request: AgentRequest, message: string): Answer {
  return refuse(parts, request, { rule: 'params_invalid', message }, 200)
}

export function refuse(parts: PipelineParts, request: AgentRequest, denial: Denial, status = 503): Answer {
  request.telemetry.refused(denial.rule)
  return refusedAnswer(status, request.id, denial, pointerOf(parts, request))
}

export function pointerOf(
  parts: PipelineParts,
  request: AgentRequest,
  about: { serverId?: string; decisionId?: string; explained?: ExplainedFacts } = {},
): Pointer {
  const serverId = about.serverId || request.serverId
  return {
    portalUrl: parts.portalUrl,
    agentId: request.agent.id,
    ...(serverId ? { serverId } : {}),
    ...(about.decisionId ? { decisionId: about.decisionId } : {}),
    ...(about.explained ? { explained: about.explained } : {}),
  }
}
