import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import { listening } from './broker.ts'

export type TestIssuer = {
  url: string
  jwks: string
  /** How often its keys were asked for. */
  reads: number
  /** What it answers with when not its keys. */
  failing: 'status' | 'nonsense' | null
  sign(claims: JWTPayload, header?: { typ?: string; kid?: string }): Promise<string>
  /** The next key signs; the ones before stay published unless they are withdrawn. */
  rotate(options?: { withdraw: boolean }): Promise<void>
  stop(): Promise<void>
}

/** Another issuer, with keys of its own behind an address: an identity provider, or a self-hosted Claude server. */
export async function startIssuer(): Promise<TestIssuer> {
  let published: JWK[] = []
  let current: { kid: string; privateKey: CryptoKey }
  const http = createServer((_, response) => {
    issuer.reads += 1
    if (issuer.failing === 'status') return void response.writeHead(503).end()
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(issuer.failing === 'nonsense' ? '<html>' : JSON.stringify({ keys: published }))
  })
  const url = await listening(http)
  const issuer: TestIssuer = {
    url,
    jwks: `${url}/jwks`,
    reads: 0,
    failing: null,
    sign(claims, header) {
      const { kid, privateKey } = current
      return new SignJWT({ iss: url, ...claims }).setProtectedHeader({ alg: 'ES256', kid, ...header }).sign(privateKey)
    },
    async rotate(options) {
      const { privateKey, publicKey } = await generateKeyPair('ES256')
      current = { kid: randomUUID(), privateKey }
      const jwk = { ...(await exportJWK(publicKey)), kid: current.kid, use: 'sig', alg: 'ES256' }
      published = options?.withdraw ? [jwk] : [jwk, ...published]
    },
    async stop() {
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
  await issuer.rotate()
  return issuer
}

/** The claims of an Identity Assertion JWT Authorization Grant. */
export function idJagClaims(about: {
  audience: string
  subject: string
  clientId: string
  now: Date
  changes?: JWTPayload
}): JWTPayload {
  const seconds = Math.floor(about.now.getTime() / 1000)
  return {
    sub: about.subject,
    aud: about.audience,
    client_id: about.clientId,
    jti: randomUUID(),
    iat: seconds,
    exp: seconds + 300,
    ...about.changes,
  }
}
