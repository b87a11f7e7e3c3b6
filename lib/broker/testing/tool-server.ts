import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { McpServer } from '@modelcontextprotocol/server'
import { listening } from '#lib/dev/test/broker.ts'
import { sessionTransports } from './session-transports.ts'

/** A server with sessions that has tools and nothing else; `keeps`: it keeps the events of its streams. Some of its calls wait until they are let go on. */
export async function startToolServer({ keeps }: { keeps: boolean }) {
  const waiting: (() => void)[] = []
  /** `deaf`: it goes on with what is cancelled. */
  const state = { cancelled: 0, deaf: false }
  const make = () => {
    const server = new McpServer({ name: 'tools', version: '1' })
    const annotations = { readOnlyHint: true }
    const content = [{ type: 'text' as const, text: 'done' }]
    const link = { type: 'resource_link' as const, uri: 'file:///done', name: 'done' }
    server.registerTool('plain', { annotations }, () => ({ content }))
    server.registerTool('slow', { annotations }, async (ctx) => {
      ctx.mcpReq.signal.addEventListener('abort', () => (state.cancelled += 1))
      await new Promise<void>((resolve) => waiting.push(resolve))
      return { content }
    })
    server.registerTool('linked', { annotations }, async () => {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return { content: [...content, link] }
    })
    // What a server may say before it answers, of the call and of other things.
    server.registerTool('talking', { annotations }, async ({ mcpReq }) => {
      await new Promise<void>((resolve) => waiting.push(resolve))
      const say = async (method: string, params: Record<string, unknown> = {}) =>
        server.server.transport!.send({ jsonrpc: '2.0', method, params }, { relatedRequestId: mcpReq.id })
      const { progressToken } = mcpReq._meta ?? {}
      await say('notifications/prompts/list_changed')
      await say('notifications/resources/updated', { uri: 'file:///done' })
      await say('notifications/message', { level: 'error', data: 'overheard' })
      await say('notifications/of_its_own')
      await say('notifications/progress', { progressToken, progress: 1 })
      await say('notifications/elicitation/complete', { elicitationId: 'page' })
      return { content }
    })
    server.registerTool('confirm', { annotations }, async (ctx) => {
      await new Promise<void>((resolve) => waiting.push(resolve))
      const requestedSchema = { type: 'object' as const, properties: {} }
      const options = { relatedRequestId: ctx.mcpReq.id }
      const { action } = await ctx.mcpReq.elicitInput({ mode: 'form', message: 'Really?', requestedSchema }, options)
      return { content: [{ type: 'text', text: action }] }
    })
    return server
  }
  const { sessions, transportFor } = sessionTransports({ make, keeps })
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const transport = await transportFor(request, response)
    if (!transport) return
    if (!state.deaf || request.method !== 'POST') return await transport.handleRequest(request, response)
    const body = JSON.parse(await text(request)) as { method?: string }
    if (body.method === 'notifications/cancelled') return void response.writeHead(202).end()
    await transport.handleRequest(request, response, body)
  }
  const http = createServer((request, response) => void handle(request, response))
  return {
    url: `${await listening(http)}/mcp`,
    sessions,
    waiting,
    state,
    finish: () => waiting.splice(0).forEach((resolve) => resolve()),
    stop() {
      http.close()
      http.closeAllConnections()
    },
  }
}
