import { dpopAlgorithms } from '#lib/auth/rules/dpop.ts'
import type { Denial, RuleId } from '#lib/guardrails/schema.ts'
import type { Scheme } from './authenticate.ts'

/** Where this broker is, and who issues tokens for it. */
export type ResourceAddresses = {
  /** The public address of the broker, without a trailing slash. */
  brokerUrl: string
  /** The portal: the authorization server. */
  portalUrl: string
}

export const metadataPath = '/.well-known/oauth-protected-resource'

/** The metadata of the broker (`/mcp`) or of one of its servers (`/mcp/erp`) as a protected resource (RFC 9728). */
export function resourceMetadata(addresses: ResourceAddresses, path: string): Record<string, unknown> {
  return {
    resource: addresses.brokerUrl + path,
    authorization_servers: [addresses.portalUrl],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: dpopAlgorithms,
    resource_name: 'Wheelhouse MCP broker',
  }
}

/** Rules that a new token would not lift: the token is right, its holder may not (RFC 6750 §3.1 says insufficient_scope). */
const aboutTheHolder = new Set(['killed', 'agent_unknown', 'agent_not_active', 'run_not_open'])

/** Rules that the same token will pass later. */
const passing: Partial<Record<RuleId, 429 | 503>> = { rate_limited: 429, dpop_proof_unread: 503 }

/** The status of a refused caller: 401 when another token could help, 403 when none would, another one when time does. */
export function statusOf({ rule }: Denial): 401 | 403 | 429 | 503 {
  return passing[rule] ?? (aboutTheHolder.has(rule) ? 403 : 401)
}

/**
 * The challenge of a refused request (RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1): the error in the scheme that was used, and whatever
 * else is on offer. A missing token is no error and gets none.
 */
export function challenge(
  addresses: ResourceAddresses,
  refused: { path: string; denial: Denial; scheme: Scheme },
): string {
  const { path, denial, scheme } = refused
  const metadata = `resource_metadata="${addresses.brokerUrl}${metadataPath}${path}"`
  const algorithms = `algs="${dpopAlgorithms.join(' ')}"`
  const offers = { Bearer: [metadata], DPoP: [metadata, algorithms] }
  if (denial.rule !== 'token_missing') {
    // Clients show no body of a 403, but this.
    const description = `${denial.rule}: ${denial.message}`.replaceAll(/[^\x20-\x21\x23-\x5B\x5D-\x7E]/g, ' ')
    offers[scheme].unshift(`error="${errorOf(denial)}"`, `error_description="${description}"`)
  }
  const other: Scheme = scheme === 'Bearer' ? 'DPoP' : 'Bearer'
  const schemes = statusOf(denial) === 403 ? [scheme] : [scheme, other]
  return schemes.map((name) => `${name} ${offers[name].join(', ')}`).join(', ')
}

function errorOf(denial: Denial): string {
  if (denial.rule === 'dpop_proof_invalid' || denial.rule === 'dpop_proof_replayed') return 'invalid_dpop_proof'
  return statusOf(denial) === 403 ? 'insufficient_scope' : 'invalid_token'
}
