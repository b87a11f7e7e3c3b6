import type { RpcMessage } from '../upstream/http.ts'
import type { RpcId } from '../wire.ts'

export function isMessage(body: unknown): body is RpcMessage {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
}

/** Of what claims to be a message. */
export function idOf(body: unknown): RpcId {
  const id = isMessage(body) ? body['id'] : null
  return typeof id === 'string' || typeof id === 'number' ? id : null
}
