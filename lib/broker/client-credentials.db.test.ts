import { createServer } from 'node:http'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import {
  Client,
  ClientCredentialsProvider,
  type OAuthClientProvider,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose'
import { expect } from 'vitest'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { answerTokenRequest, authorizationServerMetadata } from '#lib/auth/commands/agent-token-endpoint.ts'
import { createTokenIssuer, issueAgentCredential, revokeAgentCredentials } from '#lib/auth/commands/agent-tokens.ts'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, secretBox, startUpstream } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startBroker } from './testing/start-broker.ts'

function system(db: Db): Ctx {
  return { db, actor: systemActor('test'), now: new Date() }
}

/** Serves the authorization server's two documents as the portal does. */
async function startPortal(db: Db, brokerUrl: string): Promise<{ url: string; stop(): Promise<void> }> {
  const url = `http://127.0.0.1:${await freePort()}`
  const issuer = createTokenIssuer({ url, brokerUrl, secretBox })
  const server = createServer((request, response) => {
    void (async () => {
      const answer =
        request.url === '/.well-known/oauth-authorization-server'
          ? Response.json(authorizationServerMetadata(issuer))
          : await answerTokenRequest(system(db), {
              issuer,
              headers: new Headers(request.headers as Record<string, string>),
              body: await text(request),
            })
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
    })()
  })
  server.listen(Number(new URL(url).port), '127.0.0.1')
  await once(server, 'listening')
  return {
    url,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const upstream = await startUpstream()
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'erp', name: 'ERP', url: upstream.url, ...rest } })
  const port = await freePort()
  const portal = await startPortal(db, `http://127.0.0.1:${port}`)
  const broker = await startBroker({ db, databaseUrl, port, portalUrl: portal.url, encryptionKey })
  onCleanup(async () => {
    await Promise.all([broker.stop(), upstream.stop(), portal.stop()])
  })
  await until(async () => (await db.mcpTool.count()) === 5)
  return { broker, portal }
})

async function lookWith(url: string, authProvider: OAuthClientProvider): Promise<unknown> {
  const client = new Client({ name: 'agent', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp/erp`), { authProvider }))
  const { content } = await client.callTool({ name: 'look', arguments: { word: 'it' } })
  await client.close()
  return content
}

const looked = [{ type: 'text', text: 'looked at it' }]

test('an agent finds its way from the challenge to a token by itself, with its secret and with its key', async ({
  db,
  world,
}) => {
  const { agentId } = await makeAgent(db)
  await makeGrant(db, { agentId, serverId: 'erp' })
  const { clientId, clientSecret } = await issueAgentCredential(system(db), { agentId })
  const bySecret = new ClientCredentialsProvider({
    clientId,
    clientSecret: clientSecret!,
    expectedIssuer: world.portal.url,
  })
  expect(await lookWith(world.broker.url, bySecret)).toEqual(looked)

  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const registered = await issueAgentCredential(system(db), { agentId, publicJwk: await exportJWK(publicKey) })
  const byKey = new PrivateKeyJwtProvider({
    clientId: registered.clientId,
    privateKey: await exportPKCS8(privateKey),
    algorithm: 'ES256',
    expectedIssuer: world.portal.url,
  })
  expect(await lookWith(world.broker.url, byKey)).toEqual(looked)
})

test('an agent whose credential was revoked, and an unregistered one, get no token and no answer', async ({
  db,
  world,
}) => {
  const { agentId } = await makeAgent(db)
  const { clientId, clientSecret } = await issueAgentCredential(system(db), { agentId })
  await revokeAgentCredentials(system(db), { agentId })
  for (const id of [clientId, 'agent-nobody']) {
    const provider = new ClientCredentialsProvider({
      clientId: id,
      clientSecret: clientSecret!,
      expectedIssuer: world.portal.url,
    })
    await expect(lookWith(world.broker.url, provider)).rejects.toThrow(/unknown or its credential was revoked/)
  }
  expect(
    await db.auditEvent.count({ where: { event: 'agent.token_refused', rule: 'client_unknown' } }),
  ).toBeGreaterThanOrEqual(2)
})
