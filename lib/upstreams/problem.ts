import { OAuthError } from '@modelcontextprotocol/client'
import { DomainError } from '#lib/core/errors.ts'

/** The server's authorization server does not give a token; `code` is the OAuth error code where it gave one. */
export class UpstreamAuthProblem extends DomainError {
  /** Of whose authorization it came. */
  serverId: string | null = null

  constructor(message: string, code: string | null) {
    super('conflict', message, { rule: 'upstream:authorization', ...(code === null ? {} : { oauthError: code }) })
  }
}

/**
 * What went wrong, in words of our own: texts of the other side may repeat what they were sent. Of an OAuth error its registered code is
 * kept, of the SDK's own checks the name of the check.
 */
export function authProblem(error: unknown): UpstreamAuthProblem {
  if (error instanceof UpstreamAuthProblem) return error
  if (error instanceof DomainError) return new UpstreamAuthProblem(error.message, null)
  const code = error instanceof OAuthError ? error.code : ''
  if (/^[a-z_]{3,60}$/.test(code)) return new UpstreamAuthProblem(`The authorization server answered ${code}.`, code)
  const name = error instanceof Error ? error.constructor.name : 'unknown'
  return new UpstreamAuthProblem(explanations[name] ?? `It could not be authorized (${name}).`, null)
}

/** With or without the slash at its end, as many write it. */
export function isSameIssuer(one: string, other: string): boolean {
  return one.replace(/\/$/, '') === other.replace(/\/$/, '')
}

const anotherIssuer =
  'The server names another authorization server than the one this client is for, and that one got nothing of it. If it is right, set the credential again with it.'

export function otherIssuer(): UpstreamAuthProblem {
  return new UpstreamAuthProblem(anotherIssuer, null)
}

const explanations: Record<string, string> = {
  IssuerMismatchError: 'The metadata or the answer of the authorization server names another issuer.',
  AuthorizationServerMismatchError: anotherIssuer,
  InsecureTokenEndpointError: 'The token endpoint is not https.',
  RegistrationRejectedError: 'The authorization server does not register this client.',
  RefusedAddress: 'It names a link-local or metadata address, which is never called.',
  InsideAddress:
    'The server has an address outside and names one inside for its authorization, which is not asked on its word. If its authorization server is there, set the credential with that server named.',
  ResponseTooLong: 'Its metadata or an answer of the authorization server is longer than anybody reads (1 MiB).',
  TypeError: 'The authorization server could not be reached.',
  TimeoutError: 'The authorization server did not answer in time.',
  DOMException: 'The authorization server did not answer in time.',
}
