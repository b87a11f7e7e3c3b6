import { digestOf } from '#lib/core/canonical-json.ts'
import { ageOf } from '#lib/core/timed-id.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { deniedRow, finishedRow } from '../audit/records.ts'
import { readAskId } from '../conversation/ask-ids.ts'
import { replyOf } from '../conversation/questions.ts'
import { auditDenial } from '../denials.ts'
import { type PipelineParts, recorded } from '../pipeline-parts.ts'
import { namedForServer } from '../tasks/messages.ts'
import type { RpcMessage } from '../upstream/http.ts'
import { type Answer, refusedAnswer } from '../wire.ts'
import { accepted, type Of, passOn, refused } from './session-requests.ts'
import { type AgentSession, partOf } from './sessions.ts'

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
  const { questionId, serverId, method, upstreamId, session: within } = asked
  const call = { caller, serverId, tool: method, isMethod: true } as const
  const decision = decide(call, parts.view, parts.now())
  if (!decision.ok) return await refuse(parts, of, { status: 403, call, content, denial: decision.error })
  const reply = replyOf(content)
  if (!reply) return await unknown(parts, of, { tool: method, content: {}, message: noReply })
  const { rows } = questions
  const { tool, judged } = decision.value
  const record = { agent, caller, tool, judged, argumentsDigest: digestOf(content) }
  const notNow = { status: 503, denial: auditDenial }
  if (!parts.audit.available) return refused(parts, of, notNow)
  const claimedAt = await rows.claim(questionId, caller.agentId).catch(() => undefined)
  if (claimedAt === undefined) return refused(parts, of, notNow)
  if (claimedAt === null) return await unknown(parts, of, { tool: method, content })
  const now = parts.now()
  const row = finishedRow(record, { outcome: 'ok', ms: ageOf(questionId, now), denial: null, findings: null, now })
  if (!(await recorded(parts, row, { happened: false }))) {
    rows.giveBack(questionId, claimedAt)
    return refused(parts, of, notNow)
  }
  // While it was claimed and recorded it may have been stopped or revoked.
  const anew = decide(call, parts.view, parts.now())
  if (!anew.ok) {
    rows.giveBack(questionId, claimedAt)
    return await refuse(parts, of, { status: 403, call, content, denial: anew.error })
  }
  if (upstreamId !== null) {
    questions.answered(questionId)
    const part = within && partOf(session, within)
    return await passOn(parts, of, { session, part, serverId, message: { id: upstreamId, ...content } })
  }
  try {
    await questions.deliver(questionId, reply)
  } catch (error) {
    parts.holding.log.warn({ err: error }, 'an answer could not be taken to the replica that waits for it')
    rows.giveBack(questionId, claimedAt)
    return refused(parts, of, notNow)
  }
  return accepted
}

const nothingWaits = 'Nothing of that id waits for an answer in this session.'
const noReply = 'An answer is a result, which is an object, or an error with a whole number as its code.'

type Refused = { tool: string; content: unknown; message?: string }

function unknown(parts: PipelineParts, of: Of, { tool, content, message = nothingWaits }: Refused): Promise<Answer> {
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
  const { serverId } = call
  parts.metrics.refused(denial.rule, { server: serverId, agentClass: agent.tier })
  return refusedAnswer(status, null, denial, {
    portalUrl: parts.portalUrl,
    agentId: agent.id,
    decisionId: String(row['id']),
    ...(serverId ? { serverId } : {}),
  })
}
