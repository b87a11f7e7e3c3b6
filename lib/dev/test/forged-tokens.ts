import { randomUUID } from 'node:crypto'
import { exportJWK, type JWK, type JWTPayload, SignJWT } from 'jose'
import { createTokenIssuer, issueAgentCredential } from '#lib/auth/commands/agent-tokens.ts'
import type { Db } from '#lib/db/client.ts'
import { portalUrl, secretBox } from './broker.ts'
import { askForToken, type ClientKey, dpopProof, systemCtx } from './tokens.ts'

// Tokens the platform would never make, for tests of what is refused; and what a client needs to prove itself.

/** The platform's signing key, to make tokens it never would. */
export async function platformKey(db: Db) {
  const row = await db.signingKey.findFirstOrThrow({ where: { withdrawnAt: null }, orderBy: { createdAt: 'asc' } })
  return opened(row)
}

export async function opened(row: { kid: string; privateCiphertext: Uint8Array }) {
  const jwk = JSON.parse(await secretBox.open(row.privateCiphertext, `signing-key:${row.kid}`)) as JsonWebKey
  const privateKey = await crypto.subtle.importKey('jwk', jwk, 'Ed25519', true, ['sign'])
  const { d: _, ...publicJwk } = await exportJWK(privateKey)
  return { privateKey, kid: row.kid, publicJwk }
}

/** Claims as the platform makes them, with changes. */
export function tokenClaims(brokerUrl: string, changes: JWTPayload): JWTPayload {
  const seconds = Math.floor(Date.now() / 1000)
  const standard = { iss: portalUrl, aud: `${brokerUrl}/mcp`, client_id: 'agent-test', agent_version: 1 }
  return { ...standard, jti: randomUUID(), iat: seconds, nbf: seconds, exp: seconds + 60, ...changes }
}

export function signed(options: {
  privateKey: CryptoKey | Uint8Array
  claims: JWTPayload
  header: { kid?: string; alg?: string; typ?: string; jwk?: JWK; jku?: string }
}): Promise<string> {
  return new SignJWT(options.claims)
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', ...options.header })
    .sign(options.privateKey)
}

/** A token of the agent's own credential, from the token endpoint's command; bound to the key if one is given. */
export async function credentialToken(
  db: Db,
  options: { brokerUrl: string; agentId: string; key?: ClientKey; resource?: string; now?: Date },
): Promise<{ token: string; clientId: string; clientSecret: string }> {
  const { brokerUrl, agentId, key, resource, now = new Date() } = options
  const issuer = createTokenIssuer({ url: portalUrl, brokerUrl, secretBox })
  const ctx = systemCtx(db, now)
  const { clientId, clientSecret } = await issueAgentCredential(ctx, { agentId })
  const form = { client_id: clientId, client_secret: clientSecret!, ...(resource ? { resource } : {}) }
  const dpop = key && (await dpopProof(key, { url: `${portalUrl}/api/oauth/token`, now }))
  const issued = await askForToken(ctx, issuer, { form, ...(dpop ? { dpop } : {}) })
  if (!issued.ok) throw new Error(issued.error.message)
  return { token: issued.value.token, clientId, clientSecret: clientSecret! }
}
