import { randomBytes, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Server as NetServer } from 'node:net'
import { once } from 'node:events'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { systemActor } from '#lib/auth/ctx.ts'
import { createTokenIssuer, mintSessionToken } from '#lib/auth/commands/agent-tokens.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'

export const encryptionKey = randomBytes(32).toString('base64')
export const secretBox = createSecretBox(encryptionKey)
export const portalUrl = 'http://localhost:3000'
export const upstreamSecret = `canary-${randomBytes(12).toString('hex')}`

export type TestUpstream = {
  url: string
  /** The arguments of every call that reached it, by tool. */
  calls: { tool: string; arguments: unknown }[]
  /** Authorization headers it was sent. */
  authorizations: Set<string>
  /** The `traceparent` that calls brought: in their headers and in their `_meta`. */
  traceparents: { headers: string[]; meta: unknown[] }
  /** Calls of `slow` that were cancelled. */
  cancelled: number
  /** Lets the next `slow` begin be awaited. */
  slowBegan(): Promise<void>
  stop(): Promise<void>
}

/** A real MCP server over HTTP: `look` (read), `change` (write), `wipe` (destructive), `slow` (read, until cancelled), `leak`, which says its credential. */
export async function startUpstream(options: { legacy?: boolean } = {}): Promise<TestUpstream> {
  const upstream: Omit<TestUpstream, 'stop' | 'url'> & { began: (() => void)[] } = {
    calls: [],
    authorizations: new Set(),
    traceparents: { headers: [], meta: [] },
    cancelled: 0,
    began: [],
    slowBegan: () => new Promise((resolve) => upstream.began.push(resolve)),
  }
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })
  const make = (): McpServer => {
    const server = new McpServer({ name: 'test-upstream', version: '1' })
    const add = (name: string, annotations: Record<string, boolean>, answer: (word: string) => string) =>
      server.registerTool(
        name,
        { description: `${name} something`, inputSchema: z.object({ word: z.string().optional() }), annotations },
        ({ word }, ctx) => {
          upstream.calls.push({ tool: name, arguments: { word } })
          upstream.traceparents.meta.push(ctx.mcpReq._meta?.['traceparent'])
          return text(answer(word ?? ''))
        },
      )
    add('look', { readOnlyHint: true }, (word) => `looked at ${word}`)
    add('change', { readOnlyHint: false, destructiveHint: false }, (word) => `changed ${word}`)
    add('wipe', {}, (word) => `wiped ${word}`)
    add('leak', { readOnlyHint: true }, () => `my credential is ${upstreamSecret}`)
    server.registerTool(
      'slow',
      { description: 'takes its time', inputSchema: z.object({}), annotations: { readOnlyHint: true } },
      async (_, ctx) => {
        for (const began of upstream.began.splice(0)) began()
        await new Promise<void>((resolve) => {
          ctx.mcpReq.signal.addEventListener('abort', () => {
            upstream.cancelled += 1
            resolve()
          })
        })
        return text('too late')
      },
    )
    return server
  }
  const handle = options.legacy ? legacyHandler(make) : toNodeHandler(createMcpHandler(make))
  const http = createServer((request, response) => {
    upstream.authorizations.add(request.headers.authorization ?? '')
    const { traceparent } = request.headers
    if (typeof traceparent === 'string') upstream.traceparents.headers.push(traceparent)
    void handle(request, response)
  })
  const url = await listening(http)
  return Object.assign(upstream, {
    url: `${url}/mcp`,
    async stop() {
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  })
}

/** As servers of 2025-11-25 do it: sessions in memory, answers as event streams, 404 for a session that is not there. */
export function legacyHandler(
  make: () => McpServer,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>()
  return async (request, response) => {
    const sessionId = request.headers['mcp-session-id']
    let transport = typeof sessionId === 'string' ? sessions.get(sessionId) : undefined
    if (!transport && sessionId !== undefined) return void response.writeHead(404).end()
    if (!transport) {
      transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (id) => void sessions.set(id, transport!),
      })
      await make().connect(transport)
    }
    await transport.handleRequest(request, response)
  }
}

export async function listening(http: NetServer): Promise<string> {
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const address = http.address()
  if (!address || typeof address === 'string') throw new Error('The server listens on no port.')
  return `http://127.0.0.1:${address.port}`
}

export type TestAgent = { agentId: string; teamId: string; runId: string }

/** An active agent of its own team with an open run of version 1. */
export async function makeAgent(
  db: Db,
  options: { tier?: 'low' | 'medium' | 'high'; run?: RunFacts } = {},
): Promise<TestAgent> {
  const id = randomUUID().slice(0, 8)
  const teamId = `team-${id}`
  const agentId = `agent-${id}`
  await db.team.create({ data: { id: teamId, name: 'Finance' } })
  const accountable = await db.person.create({ data: { email: `${agentId}@example.test`, name: 'Ada' } })
  await db.agent.create({
    data: {
      id: agentId,
      name: 'Reconciler',
      purpose: 'to be tested',
      ownerTeamId: teamId,
      accountablePersonId: accountable.id,
      tier: options.tier ?? 'medium',
      status: 'active',
      currentVersion: 1,
    },
  })
  return { agentId, teamId, runId: await makeRun(db, agentId, options.run) }
}

/** What brokers read once, for it never changes while a run is open. */
type RunFacts = {
  agentVersion?: number
  simulated?: boolean
  trigger?: 'manual' | 'schedule'
  requestedById?: string | null
}

export async function makeRun(db: Db, agentId: string, facts: RunFacts = {}): Promise<string> {
  const run = await db.run.create({
    data: { agentId, agentVersion: 1, trigger: 'manual', state: 'running', input: '', simulated: false, ...facts },
  })
  return run.id
}

/** The token of the agent's session, as the harness gets it. */
export async function sessionToken(db: Db, brokerUrl: string, agent: TestAgent, version = 1): Promise<string> {
  const issuer = createTokenIssuer({ url: portalUrl, brokerUrl, secretBox })
  const ctx = { db, actor: systemActor('test'), now: new Date() }
  const minted = await mintSessionToken(ctx, { issuer, agentId: agent.agentId, version, runId: agent.runId })
  if (!minted.ok) throw new Error(minted.error.message)
  return minted.value.token
}

/** A real MCP client as an agent's session has it; server null: the merged endpoint. */
export async function connectAgent(
  url: string,
  options: { serverId: string | null; token: string; era?: 'modern' | 'legacy' },
): Promise<Client> {
  const mode = options.era === 'modern' ? { pin: '2026-07-28' } : 'legacy'
  const client = new Client({ name: 'test-agent', version: '1' }, { versionNegotiation: { mode } })
  const requestInit = { headers: { authorization: `Bearer ${options.token}` } }
  const path = options.serverId === null ? '/mcp' : `/mcp/${options.serverId}`
  await client.connect(new StreamableHTTPClientTransport(new URL(url + path), { requestInit }))
  return client
}
