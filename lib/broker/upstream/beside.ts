import { type Post, postNotification, type Relay, type RpcMessage } from './http.ts'

const takesMs = 2000

/** A request is given up. Nobody waits until its server has taken that. */
export function cancel(post: Post, requestId: number | string): void {
  const params = { requestId, reason: 'The broker has ended the call.' }
  say(post, { method: 'notifications/cancelled', params }, AbortSignal.timeout(takesMs)).catch(() => {})
}

/** Of a request in a session that many share: no agent has to answer what the server asks meanwhile. */
export function answeredBeside(post: Post, relay: Relay | undefined): Relay {
  return answering(relay, (message, signal) => say(post, message, signal))
}

/**
 * Passes on what a server says, and answers what it asks before more is read: of that it may ask any number. An answer that it does not take in time
 * is its own loss.
 */
export function answering(
  relay: Relay | undefined,
  answer: (message: RpcMessage, signal: AbortSignal) => Promise<unknown>,
): Relay {
  return {
    take(message, mark) {
      const isRequest = message !== null && typeof message['method'] === 'string' && message['id'] !== undefined
      if (!isRequest) return relay?.take(message, mark)
      return answer(answerTo(message), AbortSignal.timeout(takesMs)).then(noop, noop)
    },
  }
}

/** To what a server asks that no agent has to answer: the broker is there, and does not know the rest. */
export function answerTo({ id, method }: RpcMessage): RpcMessage {
  return method === 'ping' ? { id, result: {} } : { id, error: { code: -32601, message: 'Method not found' } }
}

/** In the way in which a request was sent. */
function say(post: Post, message: RpcMessage, signal: AbortSignal): Promise<number> {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message })
  return postNotification({ ...post, body, sending: undefined, signal })
}

function noop(): void {}
