import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server'
import type { Era } from '../wire.ts'

export const modernVersion = '2026-07-28'

const olderVersions: ReadonlySet<string> = new Set(SUPPORTED_PROTOCOL_VERSIONS.filter((each) => each < modernVersion))
const members: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params'])
const rememberedMax = 1000
const envelopeLengthMax = 4000

/**
 * The era of requests that look as nearly all do, without the SDK's schemas, which cost more than deciding about the call: those before 2026-07-28 that have no `_meta`,
 * and later ones whose `_meta` the SDK has found in order before, letter by letter. Undefined for every other one: that is the SDK's to say.
 */
export class PlainRequests {
  readonly #envelopes = new Set<string>()

  eraOf(
    body: { jsonrpc?: unknown; id: unknown; method: string; params?: unknown },
    headers: { version: string | undefined; method: string | undefined },
  ): Era | undefined {
    const { jsonrpc, id, method, params } = body
    if (jsonrpc !== '2.0' || !(typeof id === 'string' || Number.isSafeInteger(id))) return undefined
    for (const name in body) if (!members.has(name)) return undefined
    if (params === undefined) return isOlder(headers.version) ? 'legacy' : undefined
    if (typeof params !== 'object' || params === null || Array.isArray(params)) return undefined
    if (!Object.hasOwn(params, '_meta')) return isOlder(headers.version) ? 'legacy' : undefined
    if (headers.version !== modernVersion || headers.method !== method) return undefined
    const envelope = lasting((params as { _meta: unknown })._meta)
    return envelope !== null && this.#envelopes.has(envelope) ? 'modern' : undefined
  }

  /** The SDK has found it to be the envelope of 2026-07-28. */
  remember(envelope: unknown): void {
    const text = lasting(envelope)
    if (text === null || text.length > envelopeLengthMax) return
    if (this.#envelopes.size >= rememberedMax) this.#envelopes.clear()
    this.#envelopes.add(text)
  }
}

/** An envelope without what is another one in every request; null where that looks odd. */
function lasting(envelope: unknown): string | null {
  if (typeof envelope !== 'object' || envelope === null || Array.isArray(envelope)) return null
  const { progressToken, traceparent, tracestate, ...rest } = envelope as Record<string, unknown>
  const isToken =
    progressToken === undefined || typeof progressToken === 'string' || Number.isSafeInteger(progressToken)
  return isToken && isText(traceparent) && isText(tracestate) ? JSON.stringify(rest) : null
}

function isText(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function isOlder(version: string | undefined): boolean {
  return version === undefined || olderVersions.has(version)
}
