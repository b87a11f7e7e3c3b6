import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text as textOf } from 'node:stream/consumers'
import { listening } from '#lib/dev/test/broker.ts'
import type { Era } from '../wire.ts'

type Rpc = { id?: number | string; method?: string; params?: { name?: string; requestId?: unknown } }
/** What a silent server was asked, and how it learned that nobody waits any more. */
export type Unanswered = { method: string; end: 'open' | 'closed' | 'cancelled' }

const serverInfo = { name: 'silent', version: '1' }
const lists = { tools: {}, logging: {}, prompts: {}, completions: {}, resources: { subscribe: true } }
const tool = { name: 'work', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }
const at = '2026-01-01T00:00:00.000Z'
const task = { taskId: 'the-task', status: 'working', createdAt: at, lastUpdatedAt: at }

const answers: Record<Era, Record<string, object>> = {
  legacy: {
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: { ...lists, tasks: { requests: { tools: { call: {} } } } },
      serverInfo,
    },
    'tools/list': { tools: [{ ...tool, execution: { taskSupport: 'optional' } }] },
    'tools/call': { task: { ...task, ttl: 600_000, pollInterval: 1000 } },
  },
  modern: {
    'server/discover': {
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { ...lists, extensions: { 'io.modelcontextprotocol/tasks': {} } },
      serverInfo,
    },
    'tools/list': { resultType: 'complete', tools: [tool] },
    'tools/call': { resultType: 'task', ...task, ttlMs: 600_000, pollIntervalMs: 1000 },
  },
}

/** A server that greets, says its tool, begins tasks and gives streams; what it is silent about it takes and never answers. */
export async function startSilentServer(era: Era) {
  const unanswered: (Unanswered & { id: unknown })[] = []
  const state = { silent: (_method: string): boolean => false, unanswered }
  const keepSilent = (response: ServerResponse, { id, method }: { id?: unknown; method: string }): void => {
    const entry: (typeof unanswered)[number] = { method, id, end: 'open' }
    unanswered.push(entry)
    response.once('close', () => {
      if (entry.end === 'open') entry.end = 'closed'
    })
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method: verb = '' } = request
    if (verb !== 'POST') {
      if (state.silent(verb)) return keepSilent(response, { method: verb })
      if (verb === 'DELETE') return void response.writeHead(200).end()
      return response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    }
    const { id, method = '', params } = JSON.parse(await textOf(request)) as Rpc
    if (method === 'notifications/cancelled') {
      const meant = unanswered.find((each) => each.id === params?.requestId)
      if (meant) meant.end = 'cancelled'
    }
    if (id === undefined) return void response.writeHead(202).end()
    if (state.silent(method)) return keepSilent(response, { id, method })
    const result = answers[era][method]
    const outcome = result ? { result } : { error: { code: -32601, message: 'Method not found' } }
    const session = era === 'legacy' && method === 'initialize' ? { 'mcp-session-id': `s${String(id)}` } : {}
    response.writeHead(200, { 'content-type': 'application/json', ...session })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }))
  }
  const http = createServer((request, response) => void answer(request, response))
  return {
    url: `${await listening(http)}/mcp`,
    state,
    stop() {
      http.close()
      http.closeAllConnections()
    },
  }
}
