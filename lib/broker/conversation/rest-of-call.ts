import { ageOf } from '#lib/core/timed-id.ts'
import type { Allowed } from '#lib/guardrails/rules/decide.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { type CallOutcome, finishedRow } from '../audit/records.ts'
import { noticeFoundRow } from '../audit/stream-records.ts'
import { afterTheFact } from '../denials.ts'
import type { AgentSession } from '../endpoint/sessions.ts'
import { guardReply } from '../guards.ts'
import { mergedResult } from '../merged-results.ts'
import { type PipelineParts, recorded } from '../pipeline-parts.ts'
import type { RpcMessage, RpcReply } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { deniedCallAnswer, refusedAnswer, type RpcError, type RpcId } from '../wire.ts'
import type { MarkedCall } from './event-marks.ts'
import type { Listener } from './listening.ts'
import { permittedPages, requiresPages } from './required-pages.ts'

/**
 * The end of a call whose stream was cut off, guarded and on the record before the agent has it, or why it stays here; null when it is none. It is recorded once: when a broker that read the stream before, or an
 * agent that came back before, has brought it to its end, that record stands.
 */
export async function endOfRest(
  parts: PipelineParts,
  listener: Listener,
  about: {
    server: BrokeredServer
    allowed: Allowed
    call: NonNullable<MarkedCall>
    message: RpcMessage
    declared: AgentSession['capabilities']
  },
): Promise<RpcMessage | null> {
  const { server, call, message } = about
  const { agent, caller } = listener
  const { tool, judged } = about.allowed
  const { result, error } = message as { result?: Record<string, unknown>; error?: RpcError }
  if (!result && !error) return null
  // A server with sessions knows no types of results.
  if (result) delete result['resultType']
  const sent: RpcReply = result ? { ok: true, result } : { ok: false, status: 200, error: error! }
  const pages = requiresPages(sent)
    ? await permittedPages(parts, listener, { server, error: sent.error, declared: about.declared })
    : null
  const reply = pages?.ok && !sent.ok ? { ...sent, error: pages.value } : sent
  const found = guardReply(server, reply)
  const guarded = pages?.ok === false ? { ...found, denial: pages.error } : found
  const outcome = !reply.ok ? 'upstream_error' : reply.result['isError'] === true ? 'tool_error' : 'ok'
  const { denial, findings } = guarded
  const { argumentsDigest, endId } = call
  const end = await recordedEnd(parts, endId)
  const record = { agent, caller, tool, judged, argumentsDigest, endId }
  const now = parts.now()
  // Its id was made as the call began, at whichever broker.
  const row = end ? null : finishedRow(record, { outcome, ms: ageOf(endId, now), denial, findings, now })
  const labels = { server: tool.serverId, tool: tool.name, agentClass: agent.tier, class: tool.class }
  if (row) parts.metrics.called({ ...labels, decision: 'allow', outcome })
  const where = { serverId: server.id, method: call.isMethod ? tool.name : 'tools/call', refused: marked(denial) }
  const again = findings && noticeFoundRow({ agent, caller }, { ...where, findings, now: parts.now() })
  const more = row ?? again
  const isRecorded = !more || (await recorded(parts, more, { happened: true }))
  const refusal = isRecorded ? (end?.denial ?? denial) : afterTheFact(tool.class !== 'read')
  if (refusal) {
    const pointer = { portalUrl: parts.portalUrl, agentId: agent.id, serverId: server.id }
    const id = message['id'] as RpcId
    const isReadable = isRecorded && !call.isMethod
    const { body } = isReadable
      ? deniedCallAnswer('legacy', id, refusal, { ...pointer, decisionId: endId })
      : refusedAnswer(200, id, refusal, pointer)
    return JSON.parse(body) as RpcMessage
  }
  // What else stands in the message nobody has looked at.
  const answer = { jsonrpc: '2.0', id: message['id'] }
  if (!guarded.reply.ok) return { ...answer, error: guarded.reply.error }
  const method = call.isMethod ? call.tool : undefined
  const own = listener.serverId !== null
  return { ...answer, result: own ? guarded.reply.result : mergedResult(server.id, method, guarded.reply.result) }
}

/** What the record says of the end of a call, when there is one: what a rule ended is not answered after that. */
async function recordedEnd(parts: PipelineParts, id: string): Promise<{ denial: Denial | null } | null> {
  const row = await parts.holding
    .ctx()
    .db.auditEvent.findUnique({ where: { id }, select: { rule: true, detail: true } })
  if (!row) return null
  const { outcome, message } = row.detail as { outcome: CallOutcome; message?: string }
  if (row.rule === null && outcome !== 'aborted') return { denial: null }
  const rule = (row.rule ?? 'upstream_unavailable') as Denial['rule']
  return { denial: { rule, message: message ?? 'The call was cancelled by its caller.' } }
}

function marked(denial: Denial | null): 'result_marked' | null {
  return denial?.rule === 'result_marked' ? 'result_marked' : null
}
