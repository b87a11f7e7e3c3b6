import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, listening, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { type ProtectedServer, startProtectedServer } from '#lib/dev/test/protected-server.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { setServerCredential } from '#lib/registry/commands.ts'
import type { SetServerCredentialInput } from '#lib/registry/schema.ts'
import { beginAuthorization, completeAuthorization } from '#lib/upstreams/commands.ts'
import { type AuthorizationAnswer, beginAuthorizationInput } from '#lib/upstreams/schema.ts'
import { startBroker, type TestBroker } from './start-broker.ts'

export const secretBox = createSecretBox(encryptionKey)
const portal = { redirectUrl: 'http://localhost:3999/api/oauth/callback', clientMetadataUrl: null }
export const stops: (() => Promise<unknown>)[] = []
/** Ends everything that was started, the last first. */
export async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).toReversed()) await stop()
}

/** The address at which requests are answered over TLS, until everything is stopped. */
export async function servedOverTls(tls: ServerOptions, answer: RequestListener): Promise<string> {
  const server = createTlsServer(tls, answer)
  const url = `${(await listening(server)).replace('http:', 'https:')}/mcp`
  stops.push(async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  return url
}

export async function broker(db: Db, databaseUrl: string, key = encryptionKey): Promise<TestBroker> {
  const started = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey: key })
  stops.push(() => started.stop())
  return started
}

export async function protectedServer(
  options: Parameters<typeof startProtectedServer>[0] = {},
): Promise<ProtectedServer> {
  const server = await startProtectedServer(options)
  stops.push(() => server.stop())
  return server
}

/** A server whose tools are approved when they are found, and an agent that may call them. */
export async function registered(db: Db, url: string) {
  const serverId = await makeServer(db, { url, tools: {}, demo: true })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId })
  return { serverId, agent }
}

export async function set(db: Db, input: SetServerCredentialInput): Promise<void> {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  await setServerCredential(ctx, { input, secretBox })
}

export async function call(
  db: Db,
  at: TestBroker,
  options: { serverId: string; agent: Awaited<ReturnType<typeof makeAgent>> },
) {
  const { serverId } = options
  await at.broker.keeper.refresh()
  await until(async () => (await db.mcpTool.count({ where: { serverId } })) > 0)
  const token = await sessionToken(db, at.url, options.agent)
  await at.broker.keeper.refresh()
  const answer = await postCall({ broker: at }, { token, tool: 'echo', serverId: options.serverId })
  return {
    ...answer,
    rule: (answer.json.result?.['_meta'] as Record<string, { rule?: string }> | undefined)?.['wheelhouse/denial']?.rule,
  }
}

export async function stateOf(db: Db, serverId: string) {
  return db.upstreamCredential.findFirstOrThrow({ where: { serverId } })
}

export async function authorized(db: Db, upstream: ProtectedServer) {
  const { serverId, agent } = await registered(db, upstream.url)
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const again = async () => {
    const parts = { secretBox, portal, sessionId: 'session' }
    const input = beginAuthorizationInput.parse({ serverId })
    const { authorizationUrl } = await beginAuthorization(ctx, { input, ...parts })
    const answer = Object.fromEntries((await upstream.authorize(authorizationUrl)).searchParams) as AuthorizationAnswer
    await completeAuthorization(ctx, { answer, ...parts })
  }
  await again()
  return { serverId, agent, again }
}

export function echo(answer: () => string): McpServer {
  const server = new McpServer({ name: 'test', version: '1' })
  server.registerTool(
    'echo',
    { description: 'says it', inputSchema: z.object({}), annotations: { readOnlyHint: true } },
    () => ({ content: [{ type: 'text' as const, text: answer() }] }),
  )
  return server
}
