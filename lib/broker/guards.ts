import { guardResult, type ResultFindings } from '#lib/guardrails/rules/guard-result.ts'
import { markText } from '#lib/guardrails/rules/injection.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { RpcReply } from './upstream/http.ts'
import type { BrokeredServer } from './view/view.ts'

export type Guarded = { reply: RpcReply; findings: ResultFindings | null; denial: Denial | null }

/** The step after a reply: secrets are masked and marks of prompt injection noted, or refused where the server's setting says so. */
export function guardReply(server: BrokeredServer, reply: RpcReply): Guarded {
  // It is guarded on its way.
  if (reply.ok && reply.large) return { reply, findings: null, denial: null }
  const answered = reply.ok ? reply.result : { error: reply.error }
  const { result, findings } = guardResult(answered, { mask: server.maskSecrets })
  if (!findings) return { reply, findings, denial: null }
  const guarded = reply.ok ? { ok: true as const, result } : { ...reply, error: result['error'] as typeof reply.error }
  if (!server.blockMarked || findings.marks.length === 0) return { reply: guarded, findings, denial: null }
  const message = `The answer of ${server.id} ${findings.marks.map(markText).join(', and ')}.`
  return { reply: guarded, findings, denial: { rule: 'result_marked', message } }
}
