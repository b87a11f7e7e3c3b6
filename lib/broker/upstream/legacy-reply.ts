import type { RpcReply } from './http.ts'

/** Before 2026-07-28 a result has no type: what a server says there must not pass for one, which an agent would act on. */
export function legacyReply(reply: RpcReply): RpcReply {
  if (!reply.ok) return reply
  if (reply.large) reply.large.isLegacy = true
  if (reply.result['resultType'] !== undefined) delete reply.result['resultType']
  return reply
}
