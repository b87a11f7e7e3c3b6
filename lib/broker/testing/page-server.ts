import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  inputRequired,
  McpServer,
  ProtocolError,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/server'
import { listening } from '#lib/dev/test/broker.ts'
import { sessionTransports } from './session-transports.ts'

export const page = 'https://sign.example/consent?of=ada'
const words = 'Sign in first.'

/** A server of 2026-07-28 whose one tool asks for a page to be opened. */
export async function startModernPageServer() {
  const make = () => {
    const server = new McpServer({ name: 'modern-pages', version: '1' })
    server.registerTool('consent', { annotations: { readOnlyHint: true } }, ({ mcpReq }) => {
      const answer = mcpReq.inputResponses?.['page'] as { action: string } | undefined
      if (answer) return { content: [{ type: 'text', text: answer.action }] }
      return inputRequired({ inputRequests: { page: inputRequired.elicitUrl({ url: page, message: words }) } })
    })
    return server
  }
  const handle = toNodeHandler(createMcpHandler(make))
  const http = createServer((request, response) => void handle(request, response))
  return { url: `${await listening(http)}/mcp`, stop: () => end(http) }
}

/** A server of 2025-11-25 that keeps events, and refuses calls until a page has been opened. `calls`: of what it was asked, in full. */
export async function startPageServer() {
  const waiting: (() => void)[] = []
  const calls: Record<string, unknown>[] = []
  const state = { opened: false, message: words }
  const required = (): never => {
    const at = { mode: 'url' as const, url: page, message: state.message, elicitationId: randomUUID() }
    throw new UrlElicitationRequiredError([at], 'A page must be opened.')
  }
  const make = () => {
    const server = new McpServer({ name: 'pages', version: '1' })
    const annotations = { readOnlyHint: true }
    const content = [{ type: 'text' as const, text: 'done' }]
    server.registerTool('signed', { annotations }, () => (state.opened ? { content } : required()))
    server.registerTool('later', { annotations }, async () => {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return required()
    })
    server.registerTool('consent', { annotations }, async ({ mcpReq }) => {
      const options = { relatedRequestId: mcpReq.id }
      const elicitationId = randomUUID()
      const { action } = await mcpReq.elicitInput({ mode: 'url', url: page, message: words, elicitationId }, options)
      await server.server.createElicitationCompletionNotifier(elicitationId, options)()
      return { content: [{ type: 'text', text: action }] }
    })
    server.registerTool('stray', { annotations }, () => {
      throw new ProtocolError(-32_042, 'Look there.', { elicitations: [{ mode: 'form', url: page }] })
    })
    return server
  }
  const { transportFor } = sessionTransports({ make, keeps: true })
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const transport = await transportFor(request, response)
    if (!transport) return
    if (request.method !== 'POST') return await transport.handleRequest(request, response)
    const body = (await json(request)) as { method?: string; params?: Record<string, unknown> }
    if (body.method === 'tools/call') calls.push(body.params ?? {})
    await transport.handleRequest(request, response, body)
  }
  const http = createServer((request, response) => void handle(request, response))
  return {
    url: `${await listening(http)}/mcp`,
    calls,
    state,
    waiting,
    finish: () => waiting.splice(0).forEach((resolve) => resolve()),
    stop: () => end(http),
  }
}

function end(http: Server): void {
  http.close()
  http.closeAllConnections()
}
