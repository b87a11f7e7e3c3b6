import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { listening } from './broker.ts'
import { guardWith, sendJson } from './guarded-server.ts'
import { secretsIn } from './secrets-in.ts'

export type Enterprise = {
  /** Of the MCP server. */
  url: string
  idpIssuer: string
  /** Of the MCP server's authorization server. */
  issuer: string
  /** What the token endpoints answered with a token, in their order. */
  granted: string[]
  /** Whether the identity provider lets the platform have assertions. */
  allowed: boolean
  /** Ends all access tokens. */
  revokeAll(): void
  idToken(seconds?: number): Promise<string>
  /** A refresh token of the identity provider, good for one use. */
  refreshToken(): string
  /** What was sent to token endpoints and came from there that is secret. */
  secrets: Set<string>
  /** What its one tool says. */
  says: () => string
  stop(): Promise<void>
}

export const enterpriseClient = { clientId: 'wheelhouse', clientSecret: 'secret-at-the-server' }
export const idpClient = { idpClientId: 'wheelhouse-at-the-idp', idpClientSecret: 'secret-at-the-idp' }
const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const idJag = 'urn:ietf:params:oauth:token-type:id-jag'

/** An identity provider, an authorization server that trusts its assertions (ID-JAG), and an MCP server behind that. */
export async function startEnterprise(): Promise<Enterprise> {
  const keys = await generateKeyPair('ES256')
  const good = new Set<string>()
  const issued = new Set<string>()
  const [idp, authorizationServer, mcp] = [1, 2, 3].map(() => createServer())
  const [idpIssuer, issuer, origin] = await Promise.all([idp!, authorizationServer!, mcp!].map(listening))
  const url = `${origin}/mcp`
  const sign = (claims: Record<string, unknown>, about: { typ: string; audience: string; seconds: number }) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: about.typ })
      .setIssuer(idpIssuer!)
      .setAudience(about.audience)
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1000) + about.seconds)
      .sign(keys.privateKey)
  const world: Enterprise = {
    url,
    idpIssuer: idpIssuer!,
    granted: [],
    allowed: true,
    issuer: issuer!,
    revokeAll: () => issued.clear(),
    idToken: (seconds = 600) => sign({ sub: 'ada' }, { typ: 'JWT', audience: idpClient.idpClientId, seconds }),
    refreshToken() {
      const token = randomUUID()
      good.add(token)
      return token
    },
    secrets: new Set(),
    says: () => 'by the identity provider',
    async stop() {
      for (const server of [idp, authorizationServer, mcp]) {
        server!.close()
        server!.closeAllConnections()
      }
    },
  }

  /** The identity provider's token endpoint. */
  async function identify(form: URLSearchParams, authorization: string): Promise<Record<string, unknown> | string> {
    const isKnown =
      form.get('client_secret') === idpClient.idpClientSecret ||
      authorization === basic(idpClient.idpClientId, idpClient.idpClientSecret)
    if (!isKnown) return 'invalid_client'
    if (form.get('grant_type') === 'refresh_token') {
      if (!good.delete(form.get('refresh_token') ?? '')) return 'invalid_grant'
      const tokens = { id_token: await world.idToken(), refresh_token: world.refreshToken() }
      return { access_token: randomUUID(), token_type: 'Bearer', expires_in: 60, ...tokens }
    }
    if (form.get('grant_type') !== exchange || form.get('requested_token_type') !== idJag) return 'invalid_request'
    if (!world.allowed) return 'access_denied'
    await jwtVerify(form.get('subject_token') ?? '', keys.publicKey, { audience: idpClient.idpClientId })
    const claims = {
      sub: 'ada',
      client_id: enterpriseClient.clientId,
      resource: form.get('resource'),
      jti: randomUUID(),
    }
    const about = { typ: 'oauth-id-jag+jwt', audience: form.get('audience') ?? '', seconds: 60 }
    return { access_token: await sign(claims, about), issued_token_type: idJag, token_type: 'N_A', expires_in: 60 }
  }

  /** The token endpoint of the MCP server's authorization server. */
  async function redeem(form: URLSearchParams, authorization: string): Promise<Record<string, unknown> | string> {
    if (authorization !== basic(enterpriseClient.clientId, enterpriseClient.clientSecret)) return 'invalid_client'
    if (form.get('grant_type') !== jwtBearer) return 'unsupported_grant_type'
    const options = { audience: issuer!, issuer: idpIssuer!, typ: 'oauth-id-jag+jwt' }
    const { payload } = await jwtVerify(form.get('assertion') ?? '', keys.publicKey, options)
    if (payload['client_id'] !== enterpriseClient.clientId || payload['resource'] !== url) return 'invalid_grant'
    const token = randomUUID()
    issued.add(token)
    return { access_token: token, token_type: 'Bearer', expires_in: 3600 }
  }

  const tokenEndpoint = (answer: typeof redeem, metadata: Record<string, unknown>) => {
    const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      if (request.method === 'GET') return sendJson(response, request.url?.includes('well-known') ? 200 : 404, metadata)
      const form = new URLSearchParams(await text(request))
      const answered = await answer(form, request.headers.authorization ?? '').catch(() => 'invalid_grant')
      if (typeof answered === 'string') return sendJson(response, 400, { error: answered })
      world.granted.push(String(form.get('grant_type')).split(':').at(-1)!)
      for (const secret of secretsIn(Object.fromEntries(form), answered)) world.secrets.add(secret)
      sendJson(response, 200, answered)
    }
    return (request: IncomingMessage, response: ServerResponse) => void respond(request, response)
  }
  idp!.on('request', tokenEndpoint(identify, { issuer: idpIssuer, token_endpoint: `${idpIssuer}/token` }))
  const ofServer = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    response_types_supported: ['code'],
    grant_types_supported: [jwtBearer],
    token_endpoint_auth_methods_supported: ['client_secret_basic'],
  }
  authorizationServer!.on('request', tokenEndpoint(redeem, ofServer))
  guardWith(mcp!, { origin: origin!, issuer: issuer!, issued, says: () => world.says() })
  return world
}

function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
}
