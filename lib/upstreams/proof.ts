import { isDpopNonceChallenge } from '@modelcontextprotocol/client'
import { clientCredentialsToken, type UpstreamToken } from './client-credentials.ts'
import { dpopSession } from './dpop.ts'
import { challengeResponse } from './http.ts'

/** Proves with each request that the token it shows is the broker's own (RFC 9449). */
export type Prover = {
  /** For one request: another one needs its own. */
  proof(method: string): Promise<string>
  /** Whether the server wants nothing but the nonce it has just given: then the request is sent once more. */
  wantsNonce(answer: { status: number; wwwAuthenticate: string | null; nonce: string | null }): boolean
}

/** Null for a token that whoever has it may show. */
export async function proverFor(url: string, { accessToken, dpopKey }: UpstreamToken): Promise<Prover | null> {
  if (!dpopKey) return null
  const session = await dpopSession(dpopKey)
  return {
    proof: (method) => session.buildProof({ htm: method, htu: url, accessToken }),
    wantsNonce({ status, wwwAuthenticate, nonce }) {
      if (nonce === null) return false
      session.rememberNonce(url, nonce)
      return status === 401 && isDpopNonceChallenge(challengeResponse(status, wwwAuthenticate))
    },
  }
}

/** A token by client credentials, with what proves it where it is bound to a key. Throws `UpstreamAuthProblem`. */
export async function provenClientToken(
  options: Parameters<typeof clientCredentialsToken>[0],
): Promise<{ accessToken: string; prover: Prover | null }> {
  const token = await clientCredentialsToken(options)
  return { accessToken: token.accessToken, prover: await proverFor(options.serverUrl, token) }
}
