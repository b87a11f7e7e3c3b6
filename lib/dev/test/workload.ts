import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { exportPKCS8, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { listening } from './broker.ts'
import { guardWith, sendJson } from './guarded-server.ts'
import { secretsIn } from './secrets-in.ts'

export type WorkloadWorld = {
  /** Of the MCP server. */
  url: string
  /** Of its authorization server. */
  issuer: string
  /** What signs for the workload, in PEM. */
  privateKey: string
  /** Grant types that the token endpoint was asked for, in their order. */
  asked: string[]
  /** An error it answers with instead of a token. */
  refuseWith: string | null
  /** How long its tokens go. */
  tokenSeconds: number
  revokeAll(): void
  assertion(seconds?: number): Promise<string>
  /** What was sent to token endpoints and came from there that is secret. */
  secrets: Set<string>
  /** What its one tool says. */
  says: () => string
  stop(): Promise<void>
}

export const workload = { clientId: 'wheelhouse', workloadIssuer: 'https://cluster.example', subject: 'ns:broker' }
const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** An authorization server that trusts an issuer of workload identities, each assertion once, and an MCP server behind it. */
export async function startWorkloadWorld(): Promise<WorkloadWorld> {
  const keys = await generateKeyPair('ES256', { extractable: true })
  const issued = new Set<string>()
  const seen = new Set<string>()
  const [authorizationServer, mcp] = [createServer(), createServer()]
  const [issuer, origin] = [await listening(authorizationServer), await listening(mcp)]
  const url = `${origin}/mcp`
  const world: WorkloadWorld = {
    url,
    issuer,
    privateKey: await exportPKCS8(keys.privateKey),
    asked: [],
    refuseWith: null,
    tokenSeconds: 3600,
    revokeAll: () => issued.clear(),
    assertion: (seconds = 600) =>
      new SignJWT()
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(workload.workloadIssuer)
        .setSubject(workload.subject)
        .setAudience(issuer)
        .setJti(randomUUID())
        .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
        .sign(keys.privateKey),
    secrets: new Set(),
    says: () => 'to a workload',
    async stop() {
      for (const server of [authorizationServer, mcp]) {
        server.close()
        server.closeAllConnections()
      }
    },
  }

  async function redeem(form: URLSearchParams): Promise<Record<string, unknown> | string> {
    if (world.refuseWith !== null) return world.refuseWith
    if (form.get('grant_type') !== jwtBearer) return 'unsupported_grant_type'
    const options = { audience: issuer, issuer: workload.workloadIssuer, subject: workload.subject }
    const { payload } = await jwtVerify(form.get('assertion') ?? '', keys.publicKey, options)
    if (form.get('client_secret') !== null || seen.has(payload.jti ?? '')) return 'invalid_grant'
    seen.add(payload.jti ?? '')
    const token = randomUUID()
    issued.add(token)
    return { access_token: token, token_type: 'Bearer', expires_in: world.tokenSeconds }
  }

  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    response_types_supported: ['code'],
    grant_types_supported: [jwtBearer],
    token_endpoint_auth_methods_supported: ['none'],
  }
  authorizationServer.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void (async () => {
      if (request.method === 'GET') return sendJson(response, request.url?.includes('well-known') ? 200 : 404, metadata)
      const form = new URLSearchParams(await text(request))
      world.asked.push(String(form.get('grant_type')).split(':').at(-1)!)
      const answered = await redeem(form).catch(() => 'invalid_grant')
      if (typeof answered === 'string') return sendJson(response, 400, { error: answered })
      for (const secret of secretsIn(Object.fromEntries(form), answered)) world.secrets.add(secret)
      sendJson(response, 200, answered)
    })()
  })
  guardWith(mcp, { origin, issuer, issued, says: () => world.says() })
  return world
}
