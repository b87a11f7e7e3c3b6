import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import { issueAgentToken } from '#lib/auth/commands/agent-token-issuing.ts'
import type { TokenIssuer } from '#lib/auth/commands/agent-tokens.ts'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'

// What a client of the token endpoint does: ask, sign assertions, prove that it holds a key.

export const formType = 'application/x-www-form-urlencoded'

export function systemCtx(db: Db, now = new Date()): Ctx {
  return { db, actor: systemActor('test'), now }
}

/** Asks for a token, by default with client_credentials. */
export function askForToken(
  ctx: Ctx,
  issuer: TokenIssuer,
  options: { form: Record<string, string>; authorization?: string; dpop?: string },
) {
  return issueAgentToken(ctx, {
    issuer,
    authorization: options.authorization ?? null,
    contentType: formType,
    body: new URLSearchParams({ grant_type: 'client_credentials', ...options.form }).toString(),
    dpop: options.dpop ?? null,
  })
}

export type ClientKey = { privateKey: CryptoKey; publicJwk: JWK; jkt: string }

export async function clientKey(): Promise<ClientKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const publicJwk = await exportJWK(publicKey)
  return { privateKey, publicJwk, jkt: await calculateJwkThumbprint(publicJwk) }
}

/** The form of a client that authenticates with private_key_jwt. */
export async function byAssertion(
  key: ClientKey,
  about: { clientId: string; audience: string; now: Date; claims?: JWTPayload },
): Promise<Record<string, string>> {
  const { clientId, audience, now, claims } = about
  const seconds = Math.floor(now.getTime() / 1000)
  const standard = { iss: clientId, sub: clientId, aud: audience, jti: randomUUID(), exp: seconds + 60 }
  const assertion = await new SignJWT({ ...standard, ...claims })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(key.privateKey)
  return assertionForm(assertion)
}

export function assertionForm(assertion: string): Record<string, string> {
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  }
}

/** A DPoP proof as a client makes one, with changes. */
export function dpopProof(
  key: ClientKey,
  about: {
    method?: string
    url: string
    token?: string
    now?: Date
    claims?: Record<string, unknown>
    header?: Record<string, unknown>
  },
): Promise<string> {
  const { method = 'POST', url, token, now = new Date() } = about
  const ath = token === undefined ? {} : { ath: createHash('sha256').update(token).digest('base64url') }
  const iat = Math.floor(now.getTime() / 1000)
  return new SignJWT({ jti: randomUUID(), htm: method, htu: url, iat, ...ath, ...about.claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.publicJwk, ...about.header })
    .sign(key.privateKey)
}
