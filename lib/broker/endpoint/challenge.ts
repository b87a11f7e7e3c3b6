import type { Denial } from '#lib/guardrails/schema.ts'

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
    resource_name: 'Wheelhouse MCP broker',
  }
}

/** The challenge of a refused request (RFC 6750 §3, RFC 9728 §5.1). A missing token is no error and gets none. */
export function challenge(addresses: ResourceAddresses, path: string, denial: Denial): string {
  const metadata = `resource_metadata="${addresses.brokerUrl}${metadataPath}${path}"`
  if (denial.rule === 'token_missing') return `Bearer ${metadata}`
  const description = denial.message.replaceAll(/[^\x20-\x21\x23-\x5B\x5D-\x7E]/g, ' ')
  return `Bearer error="invalid_token", error_description="${description}", ${metadata}`
}
