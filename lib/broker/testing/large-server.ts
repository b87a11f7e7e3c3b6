import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { listening } from '#lib/dev/test/broker.ts'

export const megabyte = 1024 * 1024
const line = 'the quick brown fox jumps over the lazy dog, again and again and again. '

export type Asked = {
  what?: 'resource'
  shape: 'json' | 'events'
  megabytes: number
  end?: 'cut' | 'stall' | 'other_id' | 'too_deep' | 'asks'
  say?: string
  /** Its agent is asked something first. */
  asks?: boolean
}
/** How it learned of results that nobody wanted to the end. */
export type Learned = { closed: number; cancelled: unknown[] }
type Rpc = {
  id?: number | string
  method?: string
  params?: { arguments?: Asked; uri?: string; inputResponses?: object; requestId?: unknown }
}

const elicitation = {
  method: 'elicitation/create',
  params: { message: 'All of it?', requestedSchema: { type: 'object', properties: {} } },
}

/** A server whose tool `large` answers with as many megabytes as it is asked for, written while they are made. */
export async function startLargeServer() {
  const learned: Learned = { closed: 0, cancelled: [] }
  const handle = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name: 'large', version: '1' })
      const inputSchema = z.looseObject({})
      const annotations = { readOnlyHint: true }
      server.registerTool('large', { inputSchema, annotations }, () => ({ content: [] }))
      return server
    }),
  )
  const http = createServer((request, response) => {
    const { 'mcp-method': method } = request.headers
    if (method !== 'tools/call' && method !== 'resources/read') return void handle(request, response)
    noteClosed(learned, response)
    void answer(request, response)
  })
  return { http, url: `${await listening(http)}/mcp`, learned }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { id, params = {} } = await bodyOf(request)
  const asked = askedIn(params)
  if (!asked.asks || params.inputResponses) return await writeLarge(response, { id, params, type: 'complete' })
  const result = { resultType: 'input_required', inputRequests: { all: elicitation } }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
}

/** The same of 2025-11-25, with sessions; it says how many of them are open. */
export async function startLargeSessionServer() {
  const learned: Learned = { closed: 0, cancelled: [] }
  const sessions = new Set<string>()
  const waiting = new Map<unknown, () => void>()
  const lists: Record<string, object> = {
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {}, resources: {} },
      serverInfo: { name: 'large', version: '1' },
    },
    'tools/list': { tools: [{ name: 'large', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }] },
  }
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const session = request.headers['mcp-session-id']
    if (request.method === 'DELETE') sessions.delete(String(session))
    if (request.method !== 'POST') return void response.writeHead(request.method === 'DELETE' ? 200 : 405).end()
    const { id, method, params = {} } = await bodyOf(request)
    if (method === undefined) waiting.get(id)?.()
    if (method === 'notifications/cancelled') learned.cancelled.push(params.requestId)
    if (method === undefined || id === undefined) return void response.writeHead(202).end()
    if (method === 'tools/call' || method === 'resources/read') {
      noteClosed(learned, response)
      if (!askedIn(params).asks) return await writeLarge(response, { id, params })
      const askId = randomUUID()
      const answered = new Promise<void>((resolve) => waiting.set(askId, resolve))
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id: askId, ...elicitation })}\n\n`)
      await answered
      return await writeLarge(response, { id, params })
    }
    const begun = randomUUID()
    if (method === 'initialize') sessions.add(begun)
    const named = method === 'initialize' ? { 'mcp-session-id': begun } : {}
    response.writeHead(200, { 'content-type': 'application/json', ...named })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: lists[method] ?? {} }))
  }
  const http = createServer((request, response) => void take(request, response))
  return { http, url: `${await listening(http)}/mcp`, sessions, learned }
}

function noteClosed(learned: Learned, response: ServerResponse): void {
  response.once('close', () => {
    if (!response.writableFinished) learned.closed += 1
  })
}

async function bodyOf(request: IncomingMessage): Promise<Rpc> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return JSON.parse(body) as Rpc
}

async function writeLarge(
  response: ServerResponse,
  { id, params, type }: Pick<Rpc, 'params'> & { id: unknown; type?: string },
): Promise<void> {
  const asked = askedIn(params ?? {})
  const { what, shape, megabytes, end, say = '' } = asked
  const asEvents = shape === 'events' || response.headersSent
  if (!response.headersSent) {
    response.writeHead(200, { 'content-type': asEvents ? 'text/event-stream' : 'application/json' })
  }
  const write = async (text: string) => {
    if (!response.write(text)) await writable(response)
  }
  const replyId = JSON.stringify(end === 'other_id' ? Number(id) + 1 : id)
  const typed = type === undefined ? '' : `"resultType":"${type}",`
  const begins = what
    ? `"ttlMs":900000,"cacheScope":"public","contents":[{"uri":"${params?.uri}","text":"${say}`
    : `"content":[{"type":"text","text":"${say}`
  await write(`${asEvents ? 'event: message\ndata: ' : ''}{"result":{${typed}${begins}`)
  const block = line.repeat(1000)
  for (let sent = 0; sent < megabytes * megabyte && !response.destroyed; sent += block.length) await write(block)
  if (end === 'cut') return void response.destroy()
  if (end === 'stall') return
  const tails = { too_deep: `,"deep":${'['.repeat(100)}${']'.repeat(100)}`, asks: ',"resultType":"input_required"' }
  const tail = end === 'too_deep' || end === 'asks' ? tails[end] : ''
  await write(`${say}"}]${tail}},"jsonrpc":"2.0","id":${replyId}}${asEvents ? '\n\n' : ''}`)
  response.end()
}

/** An address says by itself what is asked for. */
export function addressOf(asked: Asked): string {
  return `large:${encodeURIComponent(JSON.stringify(asked))}`
}

function askedIn({ arguments: given, uri = '' }: NonNullable<Rpc['params']>): Asked {
  return given ?? (JSON.parse(decodeURIComponent(uri.slice('large:'.length))) as Asked)
}

async function writable(response: ServerResponse): Promise<void> {
  const done = new AbortController()
  const { signal } = done
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })])
  done.abort()
}
