import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { ProbeReport } from '../schema/probes.ts'
import type { GuardedFetch } from './guarded-fetch.ts'
import { type ListedByServer, listTools, protocolOf } from './probed-tools.ts'

/** Proves with each request that what is shown belongs to whoever shows it (RFC 9449). */
export type Prover = {
  proof(method: string): Promise<string>
  wantsNonce(answer: { status: number; wwwAuthenticate: string | null; nonce: string | null }): boolean
}
export type Shown = { headers: Readonly<Record<string, string>>; prover?: Prover | null }

/** How a server answered the last message over HTTP. */
export type Answer = { status: number; type: string; wwwAuthenticate: string | null; location: string | null }

/** What came of asking once. `problem` is null when everything was answered. */
export type Outcome = {
  answer: Answer | null
  protocol: ProbeReport['protocol']
  listed: ListedByServer | null
  problem: unknown
}

type Asking = { url: string; guarded: GuardedFetch; over: AbortSignal; shown: Shown | null; pagesMax?: number }

export const deadlineMs = 20_000

/** Greets a server and asks for its tools, as a client that shows this much. Never rejects. */
export async function ask({ url, guarded, over, shown, pagesMax }: Asking): Promise<Outcome> {
  const outcome: Outcome = { answer: null, protocol: null, listed: null, problem: null }
  let lost: unknown = null
  const client = new Client({ name: 'wheelhouse-probe', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    async fetch(target, init) {
      const signals = [over, AbortSignal.timeout(deadlineMs), ...(init?.signal ? [init.signal] : [])]
      try {
        const response = await send(guarded, shown, { target, init: { ...init, signal: AbortSignal.any(signals) } })
        if (init?.method === 'POST') outcome.answer = answerOf(response)
        return response
      } catch (error) {
        if (init?.method === 'POST') lost = error
        throw error
      }
    },
  })
  try {
    const limits = { signal: over, timeout: deadlineMs }
    await client.connect(transport, limits)
    outcome.protocol = protocolOf(client)
    outcome.listed = await listTools(client, transport, { ...limits, pagesMax })
  } catch (error) {
    // Why a request did not get through says more than what the client makes of it.
    outcome.problem = over.aborted ? over.reason : (lost ?? error)
  } finally {
    await client.close().catch(() => {})
  }
  return outcome
}

/** With what is shown, and once more when nothing but a nonce is wanted in the proof. */
async function send(
  guarded: GuardedFetch,
  shown: Shown | null,
  { target, init }: { target: string | URL; init: RequestInit },
): Promise<Response> {
  const method = init.method ?? 'GET'
  const once = async () => {
    const headers = new Headers(init.headers)
    for (const [name, value] of Object.entries(shown?.headers ?? {})) headers.set(name, value)
    if (shown?.prover) headers.set('dpop', await shown.prover.proof(method))
    return await guarded.fetch(target, { ...init, headers: Object.fromEntries(headers) })
  }
  const first = await once()
  const nonce = first.headers.get('dpop-nonce')
  const wwwAuthenticate = first.headers.get('www-authenticate')
  if (!shown?.prover?.wantsNonce({ status: first.status, wwwAuthenticate, nonce })) return first
  await first.body?.cancel()
  return await once()
}

function answerOf({ status, headers }: Response): Answer {
  return {
    status,
    type: (headers.get('content-type') ?? '').split(';')[0]!.trim(),
    wwwAuthenticate: headers.get('www-authenticate'),
    location: headers.get('location'),
  }
}
