import type { FetchLike } from '@modelcontextprotocol/client'
import { type Dispatcher, fetch as undiciFetch, type RequestInit as UndiciRequestInit } from 'undici'
import { boundedResponse } from '#lib/core/bounded-response.ts'
import { CredentialFailure, refusedText, type UpstreamCredential } from './credential.ts'
import { UpstreamFailure } from './failure.ts'

/**
 * How often a request is sent again because something else can be shown: a new token and a step-up of scopes are one each, and a server
 * that never has enough is not followed.
 */
export const refusalsMax = 3
/** A server has no more to say of itself. */
const greetingBytesMax = 4 * 1024 * 1024

/**
 * A fetch that shows the credential, shows what came of it when the server refuses, and reads no answer without end. `failure` is what the credential or the length of
 * an answer is to blame for: whoever calls fetch may hide it.
 */
export function authorizedFetch(
  credential: UpstreamCredential,
  dispatcher: () => Dispatcher,
): { fetch: FetchLike; failure: UpstreamFailure | null } {
  const tooLong = new UpstreamFailure(
    'too_large',
    `it greets with more than ${greetingBytesMax} bytes (rule result_too_large)`,
  )
  const authorized = {
    failure: null as UpstreamFailure | null,
    fetch: async (url: string | URL, init?: RequestInit): Promise<Response> => {
      try {
        return boundedResponse(await send(url, init), greetingBytesMax, () => {
          authorized.failure = tooLong
        })
      } catch (error) {
        if (error instanceof CredentialFailure) authorized.failure = error
        throw error
      }
    },
  }

  async function send(url: string | URL, init?: RequestInit): Promise<Response> {
    for (let refusals = 0; ; refusals += 1) {
      const shown = credential.current() ?? (await credential.obtain())
      const headers = new Headers(init?.headers)
      for (const [name, value] of Object.entries(shown.headers)) headers.set(name, value)
      if (shown.prover) headers.set('dpop', await shown.prover.proof(init?.method ?? 'GET'))
      const request = { ...init, headers: Object.fromEntries(headers), dispatcher: dispatcher() } as UndiciRequestInit
      const response = (await undiciFetch(String(url), request)) as unknown as Response
      const nonce = response.headers.get('dpop-nonce')
      const answer = { status: response.status, wwwAuthenticate: response.headers.get('www-authenticate'), nonce }
      if (shown.prover?.wantsNonce(answer) && refusals < refusalsMax) {
        await response.body?.cancel()
        continue
      }
      const { status } = response
      if (status !== 401 && status !== 403) return response
      const challenge = { status, wwwAuthenticate: response.headers.get('www-authenticate') }
      const isEnough = refusals === refusalsMax
      if (isEnough || !(await credential.refused(shown, challenge))) {
        if (status === 401 || isEnough) await credential.report?.trouble(refusedText(status))
        return response
      }
      await response.body?.cancel()
    }
  }
  return authorized
}
