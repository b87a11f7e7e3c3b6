import { Anthropic } from '@anthropic-ai/sdk'
import type { RateLimiter, RequestKind } from './rate-limit.ts'

export type ClientOptions = {
  baseUrl: string
  apiKey: string
  limiter: RateLimiter
  /** Milliseconds one attempt may take; streams are bounded by their headers only. */
  timeoutMs: number
}

/** Every request of the port goes through this client, so the limiter also sees retries and further pages. */
export function createClient(options: ClientOptions): Anthropic {
  return new Anthropic({
    baseURL: options.baseUrl,
    apiKey: options.apiKey,
    authToken: null,
    timeout: options.timeoutMs,
    maxRetries: 2,
    logLevel: 'off',
    fetch: async (input, init) => {
      await options.limiter.admit(kindOf(urlOf(input), init?.method ?? 'GET'), init?.signal)
      return await fetch(input, init)
    },
  })
}

/** Creates are what Anthropic counts as such: a POST to a collection. Everything else, events included, is the other lane. */
export function kindOf(url: string, method: string): RequestKind {
  if (method.toUpperCase() !== 'POST') return 'other'
  const { pathname } = new URL(url)
  return /\/v1\/(agents|environments|sessions|vaults|vaults\/[^/]+\/credentials)$/.test(pathname) ? 'create' : 'other'
}

function urlOf(input: string | URL | Request): string {
  return input instanceof Request ? input.url : String(input)
}
