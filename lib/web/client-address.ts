import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { IncomingMessage } from 'node:http'

/**
 * Where no proxy stands in front, X-Forwarded-For is whatever the client says. From here on every request to this process carries the
 * address of its connection there instead, before anybody reads it.
 */
export function ignoreForwardedFor(): () => void {
  const overwrite = (message: unknown) => {
    const { request } = message as { request?: unknown }
    if (request instanceof IncomingMessage) {
      request.headers['x-forwarded-for'] = request.socket.remoteAddress ?? 'unknown'
    }
  }
  subscribe('http.server.request.start', overwrite)
  return () => void unsubscribe('http.server.request.start', overwrite)
}

/** Who asks: with a proxy in front the last address is the one it saw, and the ones before it were sent by the client. */
export function clientAddress(headers: Pick<Headers, 'get'>): string {
  return (headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() || 'unknown').slice(0, 64)
}
