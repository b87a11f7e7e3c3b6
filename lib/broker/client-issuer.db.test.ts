import { createServer } from 'node:http'
import { afterEach, expect } from 'vitest'
import { listening } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf } from '#lib/dev/test/fleet.ts'
import type { SetServerCredentialInput } from '#lib/registry/schema.ts'
import { broker, call, protectedServer, registered, set, stateOf, stopAll, stops } from './testing/credential-world.ts'

afterEach(stopAll)

const clientSecret = 'canary-client-secret-that-is-long-enough'
const client = {
  client_id: 'wheelhouse',
  client_secret: clientSecret,
  grant_types: ['client_credentials'] as ['client_credentials'],
  redirect_uris: [],
  response_types: [] as [],
}
const credential = (serverId: string, issuer: string): SetServerCredentialInput => ({
  serverId,
  kind: 'oauth_client',
  clientId: client.client_id,
  method: 'client_secret_basic',
  clientSecret,
  issuer,
})

/** An authorization server that gives a token to everybody, and keeps what it was sent. */
async function startCollector() {
  const received: string[] = []
  const server = createServer((request, response) => {
    request.setEncoding('utf8')
    let body = ''
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      received.push(`${request.headers.authorization ?? ''} ${body}`)
      const metadata = {
        issuer: issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        response_types_supported: ['code'],
      }
      const answer = request.url === '/token' ? { access_token: 'taken', token_type: 'Bearer' } : metadata
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
  })
  const issuer: string = await listening(server)
  stops.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { issuer, received }
}

function secretIn(received: readonly string[]): boolean {
  const basic = Buffer.from(`${client.client_id}:${clientSecret}`).toString('base64')
  return received.some((each) => each.includes(clientSecret) || each.includes(basic))
}

dbTest(
  'a client that was set without its authorization server stays with the first: a server that names another gets no secret',
  async ({ db, databaseUrl }) => {
    const collector = await startCollector()
    const upstream = await protectedServer({ clients: [client] })
    const home = upstream.issuer
    const { serverId, agent } = await registered(db, upstream.url)
    await set(db, credential(serverId, home))
    // As those are that were set before it was asked for.
    const settings = { clientId: client.client_id, method: 'client_secret_basic' }
    await db.upstreamCredential.updateMany({ where: { serverId }, data: { settings } })
    const at = await broker(db, databaseUrl)
    expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
    expect((await stateOf(db, serverId)).settings).toEqual({ ...settings, issuer: home, issuerFrom: 'server' })
    expect(await auditOf(db, serverId)).toContainEqual(
      expect.objectContaining({ event: 'server.credential_issuer_kept', detail: { issuer: home } }),
    )
    upstream.names = collector.issuer
    await upstream.revoke(upstream.tokens.at(-1)!)
    expect((await call(db, at, { serverId, agent })).rule).toBe('credential_refused')
    await until(async () => (await stateOf(db, serverId)).lastError !== null)
    expect((await stateOf(db, serverId)).lastError).toContain('another authorization server')
    expect(secretIn(collector.received)).toBe(false)
    expect(collector.received).not.toEqual([])
    upstream.names = home
    expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
  },
)
