import type { RpcReply } from './http.ts'

/**
 * Before 2026-07-28 a result has no type: what a server says there must not pass for one, which an agent would act on. `cancel`: a lost
 * connection is no cancellation then, so a server whose large result is let go is told.
 */
export function legacyReply(reply: RpcReply, cancel: () => void): RpcReply {
  if (!reply.ok) return reply
  if (reply.large) Object.assign(reply.large, { isLegacy: true, onLeft: cancel })
  if (reply.result['resultType'] !== undefined) delete reply.result['resultType']
  return reply
}
