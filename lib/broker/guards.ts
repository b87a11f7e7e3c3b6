import { guardResult, type ResultFindings } from '#lib/guardrails/rules/guard-result.ts'
import { injectionMarks, markText } from '#lib/guardrails/rules/injection.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { RpcMessage, RpcReply } from './upstream/http.ts'
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

/** What a server says before its reply or outside of one, guarded as a reply is; without a message where the server's setting refuses it. */
export type GuardedMessage = { message: RpcMessage | null; findings: ResultFindings | null }

/** Members that MCP does not know are left out: nobody looks at them. */
export function guardMessage(
  server: BrokeredServer,
  { id, method, params }: RpcMessage,
  { ownToken = false }: { ownToken?: boolean } = {},
): GuardedMessage {
  const bare = { jsonrpc: '2.0', ...(id === undefined ? {} : { id }), method }
  if (typeof params !== 'object' || params === null) return { message: bare, findings: null }
  // The agent's own name for its progress may look like anything; what a server calls by that name elsewhere is the server's.
  const { progressToken, ...others } = params as Record<string, unknown>
  const isOwn = ownToken && method === 'notifications/progress' && progressToken !== undefined
  const rest = isOwn ? others : (params as Record<string, unknown>)
  const { result, findings } = guardResult(rest, { mask: server.maskSecrets })
  if (findings && server.blockMarked && findings.marks.length > 0) return { message: null, findings }
  return { message: { ...bare, params: isOwn ? { ...result, progressToken } : result }, findings }
}

/** What was found in several messages of one call. */
export function joinFindings(one: ResultFindings | null, other: ResultFindings | null): ResultFindings | null {
  if (!one || !other) return one ?? other
  const masked = { ...one.masked }
  for (const kind of Object.keys(other.masked) as (keyof typeof masked)[]) {
    masked[kind] = (masked[kind] ?? 0) + (other.masked[kind] ?? 0)
  }
  return { masked, marks: injectionMarks.filter((mark) => one.marks.includes(mark) || other.marks.includes(mark)) }
}
