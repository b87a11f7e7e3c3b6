// The client that the official conformance suite drives: the broker's own way to an upstream, with the administrator's part (authorizing on
// the server's page) done here by following redirects.
import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { type Actor, type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { permissionsOf } from '#lib/auth/permissions.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import type { Locks } from '#lib/db/locks.ts'
import { createLog } from '#lib/log/log.ts'
import { setServerCredential } from '#lib/registry/commands.ts'
import { beginAuthorization, completeAuthorization } from '#lib/upstreams/commands.ts'
import { authorizationAnswer, beginAuthorizationInput } from '#lib/upstreams/schema.ts'
import { standardLimits } from '../limits.ts'
import { CredentialFailure } from '../upstream/credential.ts'
import { hasSoundHeaders } from '#lib/registry/rules/sound-headers.ts'
import { UpstreamPool } from '../upstream/pool.ts'
import { serversSql, type ServerRow } from '../view/rows.ts'
import { type BrokeredServer, BrokerView } from '../view/view.ts'

export type ConformanceScenario = { url: string; scenario: string; context: Record<string, unknown> }
type Parts = { db: Db; databaseUrl: string; exclusively: Locks['exclusively'] }
type Run = ConformanceScenario & Parts & { serverId: string; upstreams: UpstreamPool }

const callMs = 15_000
/** How often a person would authorize before they ask somebody. */
const authorizationsMax = 3
const secretBox = createSecretBox(randomBytes(32).toString('base64'))
const log = createLog({ process: 'conformance', level: 'silent' })
const portal = {
  redirectUrl: 'http://localhost:3999/api/oauth/callback',
  clientMetadataUrl: 'https://conformance-test.local/client-metadata.json',
}

/** Registers the suite's server and uses it as the broker does. Rejects when it cannot be used. */
export async function driveScenario(parts: Parts, scenario: ConformanceScenario): Promise<void> {
  const { db, exclusively } = parts
  const serverId = `conformance-${randomUUID().slice(0, 8)}`
  const { id } = await db.person.create({ data: { name: 'Admin', email: `${serverId}@example.test` } })
  const permissions = permissionsOf(['security'])
  const actor = { kind: 'person' as const, id, name: 'Admin', email: '', roles: ['security'], teamIds: [], permissions }
  const { url } = scenario
  await db.mcpServer.create({
    data: { id: serverId, name: serverId, description: '', url, environment: 'staging', sensitivity: 'internal' },
  })
  const ctx = (who: Actor = actor): Ctx => ({ db, actor: who, now: new Date() })
  const upstreams = new UpstreamPool({
    secretBox,
    limits: { ...standardLimits, resultBytesMax: 1_000_000 },
    ctx: () => ctx(systemActor('broker')),
    exclusively,
    log,
    stdio: null,
    allowLinkLocal: false,
  })
  const run: Run = { ...parts, ...scenario, serverId, upstreams }
  try {
    await setClientCredential(ctx(), run)
    for (let authorizations = 0; ; authorizations += 1) {
      try {
        return await callTools(run, await brokered(run))
      } catch (error) {
        const byPerson = error instanceof CredentialFailure && error.rule !== 'credential_unavailable'
        if (!byPerson || authorizations === authorizationsMax) throw error
        await authorize(ctx(), run)
      }
    }
  } finally {
    await upstreams.destroy()
  }
}

/** What an agent does: lists tools, then calls each, or those that the suite names. */
async function callTools({ upstreams, context }: Run, server: BrokeredServer): Promise<void> {
  const request = (method: string, params: Record<string, unknown>, tool?: { name: string; inputSchema: unknown }) =>
    upstreams
      .connectionTo(server, null)
      .request({ method, params, signal: AbortSignal.timeout(callMs), ...(tool ? { tool } : {}) })
  const listed = await request('tools/list', {})
  if (!listed.ok) throw new Error(`tools/list was answered with ${listed.error.code}`)
  const all = (listed.result['tools'] ?? []) as ListedTool[]
  const tools = all.filter(({ inputSchema }) => hasSoundHeaders(inputSchema))
  const named = context['toolCalls'] as { name: string; arguments?: Record<string, unknown> }[] | undefined
  const calls = named ?? tools.map((tool) => ({ name: tool.name, arguments: sampleOf(tool, tools) }))
  for (const call of calls) {
    const tool = tools.find(({ name }) => name === call.name)
    await request(
      'tools/call',
      { name: call.name, arguments: call.arguments ?? {} },
      {
        name: call.name,
        inputSchema: tool?.inputSchema ?? {},
      },
    )
  }
}

/** The administrator's part: to the authorization server and back. */
async function authorize(ctx: Ctx, { serverId, url, context }: Run): Promise<void> {
  const clientId = typeof context['client_id'] === 'string' ? context['client_id'] : undefined
  const clientSecret = typeof context['client_secret'] === 'string' ? context['client_secret'] : undefined
  const issuer = clientSecret === undefined ? undefined : await knownIssuer(url)
  const input = beginAuthorizationInput.parse({ serverId, clientId, clientSecret, issuer })
  const parts = { secretBox, portal, sessionId: 'conformance' }
  const { authorizationUrl } = await beginAuthorization(ctx, { input, ...parts })
  const response = await fetch(authorizationUrl, { redirect: 'manual' })
  const location = response.headers.get('location')
  if (location === null) throw new Error(`The authorization server answered ${response.status}.`)
  const answer = authorizationAnswer.parse(Object.fromEntries(new URL(location).searchParams))
  await completeAuthorization({ ...ctx, now: new Date() }, { answer, ...parts })
}

async function setClientCredential(ctx: Ctx, { serverId, url, scenario, context }: Run): Promise<void> {
  const { client_id: clientId, client_secret: clientSecret, private_key_pem: privateKey } = context
  if (scenario === 'auth/enterprise-managed-authorization') {
    const {
      idp_client_id: idpClientId,
      idp_id_token: idToken,
      idp_issuer: idpIssuer,
    } = context as Record<string, string>
    const both = { clientId: String(clientId), clientSecret: String(clientSecret), idpClientId, idpIssuer, idToken }
    const input = { serverId, kind: 'oauth_enterprise', issuer: await knownIssuer(url), ...both } as never
    await setServerCredential(ctx, { input, secretBox })
    return
  }
  if (scenario === 'auth/wif-jwt-bearer') {
    const common = { serverId, kind: 'oauth_workload' as const, clientId: String(clientId) }
    const input = { ...common, issuer: await knownIssuer(url), assertion: String(context['valid_jwt']) }
    await setServerCredential(ctx, { input, secretBox })
    return
  }
  if (typeof clientId !== 'string' || !scenario.startsWith('auth/client-credentials')) return
  const common = { serverId, kind: 'oauth_client' as const, clientId, issuer: await knownIssuer(url) }
  const input =
    typeof privateKey === 'string'
      ? { ...common, method: 'private_key_jwt' as const, privateKey }
      : { ...common, method: 'client_secret_basic' as const, clientSecret: String(clientSecret) }
  await setServerCredential(ctx, { input, secretBox })
}

/** Whom the administrator knows the client is for. */
async function knownIssuer(url: string): Promise<string> {
  const metadata = await fetch(new URL('/.well-known/oauth-protected-resource/mcp', url))
  const { authorization_servers: servers } = (await metadata.json()) as { authorization_servers: string[] }
  return servers[0] ?? ''
}

/** The server as the broker has it in memory. */
async function brokered({ databaseUrl, serverId }: Run): Promise<BrokeredServer> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<ServerRow>(serversSql.text, [[serverId]])
    const view = new BrokerView()
    view.putServers(rows)
    return view.servers.get(serverId)!
  } finally {
    await client.end()
  }
}

type ListedTool = { name: string; inputSchema: Record<string, unknown> }

/** Arguments that fit a schema, as far as the suite's tools go. One of them wants the schema of another tool as it was listed. */
function sampleOf({ name, inputSchema }: ListedTool, tools: readonly ListedTool[]): Record<string, unknown> {
  if (name === 'json_schema_echo') return { schema: tools.find((tool) => tool.name !== name)?.inputSchema }
  const properties = (inputSchema['properties'] ?? {}) as Record<string, { type?: string; enum?: unknown[] }>
  return Object.fromEntries(Object.entries(properties).map(([key, property]) => [key, sample(property)]))
}

function sample({ type, enum: values }: { type?: string; enum?: unknown[] }): unknown {
  if (values && values.length > 0) return values[0]
  if (type === 'number' || type === 'integer') return 5
  if (type === 'boolean') return true
  if (type === 'array') return []
  return type === 'object' ? {} : 'text'
}
