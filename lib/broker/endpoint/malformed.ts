import type { Denial } from '#lib/guardrails/schema.ts'
import { type Answer, errorAnswer } from '../wire.ts'

// What HTTP and JSON-RPC themselves refuse, with the codes and texts they have for it, and the rule as any other refusal says it.

export type Malformed = { denial: Denial; answer: Answer }

export const notJsonContent = malformed(415, -32000, {
  rule: 'content_type_unsupported',
  message: 'Send application/json.',
})
export const notEventStream = malformed(406, -32000, {
  rule: 'accept_unsupported',
  message: 'Accept text/event-stream.',
})
export const notJson = malformed(400, -32700, {
  rule: 'json_invalid',
  message: 'Parse error: the request body is not valid JSON',
})

function malformed(status: number, code: number, denial: Denial): Malformed {
  const { rule, message } = denial
  return { denial, answer: errorAnswer(status, null, { code, message, data: { rule } }) }
}
