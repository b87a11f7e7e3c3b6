import { digestOf } from '#lib/core/canonical-json.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { deniedRow, finishedRow } from '../audit/records.ts'
import { readAskId } from '../conversation/ask-ids.ts'
import { auditDenial } from '../denials.ts'
import { type PipelineParts, recorded } from '../pipeline-parts.ts'
import { namedForServer } from '../tasks/messages.ts'
import type { RpcMessage } from '../upstream/http.ts'
import { type Answer, refusedAnswer } from '../wire.ts'
import { accepted, type Of, passOn, refused } from './session-requests.ts'
import type { AgentSession } from './sessions.ts'

/**
 * An agent's answer to what it was asked, to whoever waits for it: the server in the session they share, or a call here or at another
 * replica. It counts if it was asked in this session, is not answered yet, and may still be asked; else it is refused, on the record.
 */
export async function takeAnswer(
  parts: PipelineParts,
  of: Of,
  { session, body }: { session: AgentSession | undefined; body: RpcMessage },
): Promise<Answer> {
  const { caller, agent } = of
  const { questions } = parts.conversations
  const tooOften = parts.rates.takeForAgent(caller.agentId)
  if (tooOften) return refused(parts, of, { status: 429, denial: tooOften })
  const { id, result, error } = body
  const content = await namedForServer(parts, caller, result === undefined ? { error } : { result })
  const asked = session ? readAskId(session, id) : null
  const isHere = of.serverId === null || asked?.serverId === of.serverId
  if (!session || !asked || !isHere) return await unknown(parts, of, { tool: 'response', content })
  const { questionId, serverId, method, upstreamId } = asked
  const call = { caller, serverId, tool: method, isMethod: true } as const
  const decision = decide(call, parts.view, parts.now())
  if (!decision.ok) return await refuse(parts, of, { status: 403, call, content, denial: decision.error })
  const isClaimed = await questions.rows.claim(questionId, caller.agentId).catch(() => null)
  if (isClaimed === null) return refused(parts, of, { status: 503, denial: auditDenial })
  if (!isClaimed) return await unknown(parts, of, { tool: method, content })
  const record = { agent, caller, tool: decision.value.tool, argumentsDigest: digestOf(content) }
  const row = finishedRow(record, { outcome: 'ok', ms: 0, denial: null, findings: null, now: parts.now() })
  if (!(await recorded(parts, row, { happened: false }))) {
    return refused(parts, of, { status: 503, denial: auditDenial })
  }
  if (upstreamId !== null) return await passOn(parts, of, { session, message: { id: upstreamId, ...content } })
  await questions.deliver(questionId, content)
  return accepted
}

type Refused = { tool: string; content: unknown }

function unknown(parts: PipelineParts, of: Of, { tool, content }: Refused): Promise<Answer> {
  const message = 'Nothing of that id waits for an answer in this session.'
  const call = { caller: of.caller, serverId: of.serverId ?? '', tool, isMethod: true } as const
  return refuse(parts, of, { status: 400, call, content, denial: { rule: 'answer_unknown', message } })
}

async function refuse(
  parts: PipelineParts,
  of: Of,
  { status, call, content, denial }: { status: number; call: ToolCall; content: unknown; denial: Denial },
): Promise<Answer> {
  const { agent } = of
  const row = deniedRow(call, denial, { agent, tool: undefined, arguments: content, now: parts.now() })
  if (!(await recorded(parts, row, { happened: false }))) {
    return refused(parts, of, { status: 503, denial: auditDenial })
  }
  parts.metrics.refused(denial.rule)
  const { serverId } = call
  return refusedAnswer(status, null, denial, {
    portalUrl: parts.portalUrl,
    agentId: agent.id,
    decisionId: String(row['id']),
    ...(serverId ? { serverId } : {}),
  })
}
