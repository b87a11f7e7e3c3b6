import { Agent, request } from 'undici'
import { isOutsideHost, outsideLookup } from '#lib/core/guarded-lookup.ts'

export type Sender = {
  /** Posts a body; resolves with what came back, or why nothing did. Never rejects. */
  post(to: { url: string; headers: Record<string, string>; body: string }): Promise<Sent>
  close(): Promise<void>
}
export type Sent = { status: number | null; retryAfter: string | null; error: string | null; ms: number }

const connectMs = 5_000

/**
 * Sends webhooks. A host that resolves to an address inside is refused at the moment of connecting, so a name that changes its address in between (DNS rebinding) gains
 * nothing; hosts in `privateHosts` may be inside. Redirects are not followed.
 */
export function createSender(options: { privateHosts: readonly string[]; timeoutMs: number }): Sender {
  const agent = new Agent({
    connect: { lookup: outsideLookup(options.privateHosts), timeout: connectMs },
    connections: 8,
  })
  return {
    async post({ url, headers, body }) {
      const startedAt = performance.now()
      const took = () => Math.round(performance.now() - startedAt)
      const { hostname } = new URL(url)
      if (!isOutsideHost(hostname, options.privateHosts)) {
        return { status: null, retryAfter: null, error: `${hostname} is an address inside`, ms: took() }
      }
      try {
        const signal = AbortSignal.timeout(options.timeoutMs)
        const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent, signal })
        // What the receiver says is of no use to anybody here, and may be endless.
        await answer.body.dump({ limit: 16 * 1024, signal }).catch(() => {})
        const header = answer.headers['retry-after']
        return {
          status: answer.statusCode,
          retryAfter: typeof header === 'string' ? header : null,
          error: null,
          ms: took(),
        }
      } catch (error) {
        return { status: null, retryAfter: null, error: wordsOf(error, options.timeoutMs), ms: took() }
      }
    },
    close: async () => await agent.close(),
  }
}

function wordsOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return 'no reason given'
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' && code !== 'UND_ERR' ? code : error.message.slice(0, 200)
}
