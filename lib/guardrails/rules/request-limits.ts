import { isExactNumber } from '#lib/core/exact-json.ts'
import type { Denial } from '../schema.ts'
import type { BrokerRates } from './call-rates.ts'
import { limitFacts, type LimitOwner } from './own-limits.ts'

/** What brokers take, and how long they wait, where nothing else is said. */
export const requestLimits = {
  /** Of a request's body, and the levels of arrays and objects in it. */
  requestBytesMax: 4 * 1024 * 1024,
  requestDepthMax: 64,
  resultDepthMax: 64,
  /** Until a server has answered. */
  callDeadlineMs: 60_000,
} as const

/** The limits of brokers as a simulation knows them. */
export type BrokerLimits = BrokerRates & { readonly [K in keyof typeof requestLimits]: number } & {
  /** Of an answer that is held in memory, and of one that is passed on while it arrives. */
  readonly resultBytesMax: number
  readonly streamBytesMax: number
  /** How old what a worker noted of spending may be for calls that cost; 0: that is not asked. */
  readonly spendingAgeMsMax: number
}

/** Of brokers that are set as whoever asks is. */
export function limitsOfBrokers(
  settings: BrokerRates & Pick<BrokerLimits, 'resultBytesMax' | 'streamBytesMax' | 'spendingAgeMsMax'>,
): BrokerLimits {
  return { ...requestLimits, ...settings }
}

/** Whether a parsed JSON value is nested deeper than `levels`; looks no deeper than that itself. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return !isExactNumber(value)
  for (const inner of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && isDeeperThan(inner, levels - 1)) return true
  }
  return false
}

/** What whoever sends a request may send in it; with whose limit it is, where it is not the platform's. */
export type RequestLimits = Pick<BrokerLimits, 'requestBytesMax' | 'requestDepthMax'> & {
  readonly bytesOf?: LimitOwner
  readonly depthOf?: LimitOwner
}

export function requestTooLarge({ requestBytesMax: limit, bytesOf: limitOf = 'platform' }: RequestSize): Denial {
  return {
    rule: 'request_too_large',
    message: `${sender(limitOf)} may be ${limit} bytes long.`,
    facts: limitFacts('requestBytesMax', { limit, limitOf }),
  }
}

/** Why a request is refused for how deep it is; null when it is not. */
export function requestTooDeep(
  body: unknown,
  { requestDepthMax: limit, depthOf: limitOf = 'platform' }: RequestDepth,
): Denial | null {
  if (!isDeeperThan(body, limit)) return null
  return {
    rule: 'request_too_deep',
    message: `${sender(limitOf)} may be nested ${limit} levels deep.`,
    facts: limitFacts('requestDepthMax', { limit, limitOf }),
  }
}

type RequestSize = Pick<RequestLimits, 'requestBytesMax' | 'bytesOf'>
type RequestDepth = Pick<RequestLimits, 'requestDepthMax' | 'depthOf'>

function sender(limitOf: LimitOwner): string {
  return limitOf === 'agent' ? 'A request of this agent' : 'A request'
}

/** Why a call with such arguments is refused before anything else is asked of it, however little is sent with them; null when it need not be. */
export function argumentsDenial(
  { tool, given }: { tool: string; given: Readonly<Record<string, unknown>> },
  limits: RequestLimits,
): Denial | null {
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: given } }
  if (new TextEncoder().encode(JSON.stringify(body)).length > limits.requestBytesMax) return requestTooLarge(limits)
  return requestTooDeep(body, limits)
}
