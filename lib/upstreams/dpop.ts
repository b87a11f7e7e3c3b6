import { DpopSession, generateDpopKeyPair } from '@modelcontextprotocol/client'
import { calculateJwkThumbprint, exportJWK, importJWK, type JWK } from 'jose'

/** The private key that a token is bound to (RFC 9449). Sealed with the token, since nothing else can show it. */
export type DpopKey = JWK

const alg = 'ES256'

export async function newDpopKey(): Promise<DpopKey> {
  const { privateKey } = await generateDpopKeyPair({ alg, extractable: true })
  return await exportJWK(privateKey)
}

/** Makes proofs with the key and remembers the nonces that servers want in them. */
export async function dpopSession(key: DpopKey): Promise<DpopSession> {
  const { d: _, key_ops: _ops, ext: _ext, ...publicJwk } = key
  const privateKey = (await importJWK(key, alg)) as CryptoKey
  const publicKey = (await importJWK(publicJwk, alg)) as CryptoKey
  const thumbprint = await calculateJwkThumbprint(publicJwk)
  return await DpopSession.create({ keyPair: { privateKey, publicKey, publicJwk, thumbprint, alg } })
}

/**
 * Whether a server's challenge asks for proof of possession. Only then is a token bound to a key: an authorization server that could bind it says nothing of what the MCP server
 * behind it understands.
 */
export function asksForProof(wwwAuthenticate: string | null): boolean {
  return wwwAuthenticate !== null && /(?:^|,)\s*dpop(?:\s|$|,)/i.test(wwwAuthenticate)
}
