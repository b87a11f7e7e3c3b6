import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Permission } from '../permissions.ts'
import type { AppRefusal } from './app-client.ts'

/** What a person can allow an app, and in which words they are asked. The scopes are the permissions themselves. */
export const appScopes = {
  'agents:read': 'Agents: who owns them, what they are for, what they can reach, who granted it',
  'servers:read': 'MCP servers: their tools, and who holds what on them',
  'fleet:read': 'Figures of the fleet: runs, cost, escalations',
  'runs:read': 'Runs of agents and what became of them',
} as const satisfies Partial<Record<Permission, string>>
export type AppScope = keyof typeof appScopes
export const appPermissions = Object.keys(appScopes) as AppScope[]

/** Scopes that other servers know and clients ask for out of habit; they add nothing here. */
const harmlessScopes = new Set(['offline_access', 'openid', 'profile', 'email'])

/** Of an authorization request (RFC 6749 §4.1.1, RFC 7636, RFC 8707), before anything of it is trusted. */
export const authorizationParams = z.object({
  response_type: z.string().max(100).optional(),
  client_id: z.string().min(1).max(500),
  redirect_uri: z.string().min(1).max(2000),
  scope: z.string().max(1000).optional(),
  state: z.string().max(2000).optional(),
  code_challenge: z.string().max(200).optional(),
  code_challenge_method: z.string().max(50).optional(),
  resource: z.string().max(500).optional(),
})
export type AuthorizationParams = z.infer<typeof authorizationParams>

export type CheckedRequest = { challenge: string; resource: string; scopes: AppScope[] }

/** What the request asks for, once its client and redirect are known to belong together. PKCE with S256 and the resource are required. */
export function checkAuthorizationRequest(
  params: AuthorizationParams,
  { resource }: { resource: string },
): Result<CheckedRequest, AppRefusal & { error: string }> {
  const refuse = (error: string, rule: AppRefusal['rule'], message: string) => err({ error, rule, message })
  if (params.response_type !== 'code') {
    return refuse('unsupported_response_type', 'app:request_invalid', 'The response_type must be code.')
  }
  if (params.code_challenge_method !== 'S256' || !/^[\w-]{43}$/.test(params.code_challenge ?? '')) {
    return refuse('invalid_request', 'app:pkce_required', 'Send a code_challenge with the code_challenge_method S256.')
  }
  if (params.resource !== resource) {
    return refuse('invalid_target', 'app:resource_not_served', `The resource must be ${resource}.`)
  }
  const asked = (params.scope ?? '').split(' ').filter((scope) => scope !== '' && !harmlessScopes.has(scope))
  const unknown = asked.find((scope) => !isAppScope(scope))
  if (unknown !== undefined) {
    return refuse(
      'invalid_scope',
      'app:scope_unknown',
      `There is no scope ${unknown.slice(0, 100)}; there are ${appPermissions.join(', ')}.`,
    )
  }
  // Without any, all that the registry answers: the person sees each before allowing it.
  const scopes = asked.length === 0 ? appPermissions : appPermissions.filter((scope) => asked.includes(scope))
  return ok({ challenge: params.code_challenge ?? '', resource, scopes })
}

/** RFC 7636 §4.6, for S256. */
export function verifierMatches(verifier: string, challenge: string): boolean {
  if (!/^[\w.~-]{43,128}$/.test(verifier)) return false
  const digest = createHash('sha256').update(verifier).digest()
  const expected = Buffer.from(challenge, 'base64url')
  return expected.length === digest.length && timingSafeEqual(digest, expected)
}

/** The address the browser is sent back to, with the answer and its issuer (RFC 9207). */
export function authorizationAnswer(
  to: { redirectUri: string; state: string | undefined; issuer: string },
  answer: { code: string } | { error: string; error_description: string },
): string {
  const url = new URL(to.redirectUri)
  const all = { ...answer, ...(to.state === undefined ? {} : { state: to.state }), iss: to.issuer }
  for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value)
  return url.href
}

function isAppScope(scope: string): scope is AppScope {
  return Object.hasOwn(appScopes, scope)
}
