import type { Client } from '@modelcontextprotocol/client'
import { keyIdOf } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '../ports.ts'
import {
  connectAgent,
  encryptionKey,
  portalUrl,
  secretBox,
  sessionToken,
  startUpstream,
  type TestAgent,
  type TestUpstream,
  upstreamSecret,
} from './broker.ts'

export type Era = 'modern' | 'legacy'
export type BrokerWorld<Broker> = { broker: Broker; upstreams: Record<Era, TestUpstream>; stop(): Promise<void> }

type Start<Broker> = (options: {
  db: Db
  databaseUrl: string
  port: number
  portalUrl: string
  encryptionKey: string
}) => Promise<Broker>

/** A broker in front of two servers, `modern` and `legacy`, whose tools it has found. The broker comes from the caller: it is a process. */
export async function brokerWorld<Broker extends { url: string; stop(): Promise<void> }>(options: {
  db: Db
  databaseUrl: string
  startBroker: Start<Broker>
}): Promise<BrokerWorld<Broker>> {
  const { db, databaseUrl, startBroker } = options
  const upstreams = { modern: await startUpstream(), legacy: await startUpstream({ legacy: true }) }
  for (const id of ['modern', 'legacy'] as const) await registerServer(db, id, upstreams[id].url)
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  await until(async () => (await db.mcpTool.count({ where: { serverId: { in: ['modern', 'legacy'] } } })) === 10)
  return {
    broker,
    upstreams,
    async stop() {
      await broker.stop()
      await Promise.all(Object.values(upstreams).map((upstream) => upstream.stop()))
    },
  }
}

async function registerServer(db: Db, id: string, url: string): Promise<void> {
  const ciphertext = await secretBox.seal(upstreamSecret, `upstream-credential:${id}`)
  const credentials = { create: { kind: 'bearer', ciphertext, keyId: keyIdOf(ciphertext) } }
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id, name: id, url, credentials, ...rest } })
}

type Reachable = { broker: { url: string; broker?: { keeper: { refresh(): Promise<void> } } } }

/** A session of the agent as it is registered now: what was granted just before, the broker knows. */
export async function agentSession(
  db: Db,
  { broker }: Reachable,
  options: { agent: TestAgent; serverId?: string | null; era?: Era },
): Promise<Client> {
  const { agent, serverId = 'modern', era = 'modern' } = options
  await broker.broker?.keeper.refresh()
  return connectAgent(broker.url, { serverId, token: await sessionToken(db, broker.url, agent), era })
}

export type RpcBody = {
  result?: Record<string, unknown>
  error?: { code: number; message: string; data?: Record<string, unknown> }
}

/** A bare tools/call, to see status and headers. */
export async function postCall(
  { broker }: Reachable,
  options: {
    token?: string
    tool?: string
    serverId?: string
    body?: string
    headers?: Record<string, string>
    signal?: AbortSignal
  },
) {
  const { token, tool = 'look', serverId = 'modern' } = options
  const body = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: tool, arguments: {} } }
  const response = await fetch(`${broker.url}/mcp/${serverId}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...options.headers,
    },
    body: options.body ?? JSON.stringify(body),
    ...(options.signal ? { signal: options.signal } : {}),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: parsed(text) }
}

function parsed(text: string): RpcBody {
  try {
    return JSON.parse(text) as RpcBody
  } catch {
    return {}
  }
}

export function lastEvent(db: Db, agentId: string, event?: string) {
  return db.auditEvent.findFirst({ where: { agentId, ...(event ? { event } : {}) }, orderBy: { seq: 'desc' } })
}

export async function until(condition: () => Promise<boolean> | boolean, ms = 40_000): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('It did not become so in time.')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
