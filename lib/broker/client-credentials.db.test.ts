import { createServer } from 'node:http'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import {
  Client,
  ClientCredentialsProvider,
  CrossAppAccessProvider,
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
import { idJagClaims, startIssuer } from '#lib/dev/test/trusted-issuer.ts'
import { startBroker } from './testing/start-broker.ts'

function system(db: Db): Ctx {
  return { db, actor: systemActor('test'), now: new Date() }
}

type Trusted = NonNullable<Parameters<typeof createTokenIssuer>[0]['trustedIssuers']>

/** Serves the authorization server's two documents as the portal does. */
async function startPortal(
  db: Db,
  { brokerUrl, trustedIssuers }: { brokerUrl: string; trustedIssuers: Trusted },
): Promise<{ url: string; stop(): Promise<void> }> {
  const url = `http://127.0.0.1:${await freePort()}`
  const issuer = createTokenIssuer({ url, brokerUrl, secretBox, trustedIssuers })
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
  const idp = await startIssuer()
  const agents: { agent: string; subject: string }[] = []
  const trustedIssuers = [{ use: 'identity-assertions' as const, issuer: idp.url, jwks: idp.jwks, agents }]
  const portal = await startPortal(db, { brokerUrl: `http://127.0.0.1:${port}`, trustedIssuers })
  const broker = await startBroker({ db, databaseUrl, port, portalUrl: portal.url, encryptionKey })
  onCleanup(async () => {
    await Promise.all([broker.stop(), upstream.stop(), portal.stop(), idp.stop()])
  })
  await until(async () => (await db.mcpTool.count()) === 5)
  return { broker, portal, idp, agents }
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

test('an agent that an identity provider vouches for gets in with its assertion (enterprise-managed authorization)', async ({
  db,
  world,
}) => {
  const { agentId } = await makeAgent(db)
  await makeGrant(db, { agentId, serverId: 'erp' })
  const { clientId, clientSecret } = await issueAgentCredential(system(db), { agentId })
  const asked: string[] = []
  const provider = (subject: string) =>
    new CrossAppAccessProvider({
      clientId,
      clientSecret: clientSecret!,
      expectedIssuer: world.portal.url,
      // What the provider does with the person's sign-in is its own affair; what it gives is this.
      assertion: async ({ authorizationServerUrl: audience, resourceUrl }) => {
        asked.push(resourceUrl)
        const changes = { resource: resourceUrl }
        const claims = idJagClaims({ audience, subject, clientId, now: new Date(), changes })
        return world.idp.sign(claims, { typ: 'oauth-id-jag+jwt' })
      },
    })
  await expect(lookWith(world.broker.url, provider('ada'))).rejects.toThrow(/gives no agent to this subject/)
  world.agents.push({ agent: agentId, subject: 'ada' })
  expect(await lookWith(world.broker.url, provider('ada'))).toEqual(looked)
  expect(asked).toContain(`${world.broker.url}/mcp/erp`)
  const row = await db.auditEvent.findFirstOrThrow({ where: { event: 'agent.token_issued', agentId } })
  const audience = `${world.broker.url}/mcp/erp`
  expect(row.detail).toMatchObject({ audience, grant: 'identity_assertion', onBehalfOf: `ada at ${world.idp.url}` })
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
