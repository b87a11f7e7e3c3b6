import type { IncomingMessage } from 'node:http'
import { BlockList } from 'node:net'
import { equalInConstantTime } from '#lib/core/secret-box.ts'
import type { Answer } from '../wire.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** A proxy on this machine sets one of these: what comes through it comes from elsewhere. */
const forwardingHeaders = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip']

/**
 * Why somebody may not read the metrics, which name servers and tools, on a port that is open to the world; null when they may: with the
 * token, or where there is none, from this machine.
 */
export function metricsRefusal({ headers, socket }: IncomingMessage, token: string | null): Answer | null {
  if (token === null) {
    const isForwarded = forwardingHeaders.some((name) => headers[name] !== undefined)
    if (!isForwarded && isLoopback(socket.remoteAddress)) return null
    return refusal(403, 'Without WHEELHOUSE_METRICS_TOKEN metrics are for callers on this machine only.')
  }
  const shown = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (shown !== undefined && equalInConstantTime(shown, token)) return null
  const answer = refusal(401, 'Metrics are for whoever shows WHEELHOUSE_METRICS_TOKEN as a bearer token.')
  return { ...answer, headers: { 'www-authenticate': 'Bearer realm="metrics"' } }
}

function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  return loopback.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4')
}

function refusal(status: number, error: string): Answer {
  return { status, body: JSON.stringify({ error }) }
}
