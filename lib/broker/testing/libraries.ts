import { toNodeHandler } from '@modelcontextprotocol/node'
import { completable, createMcpHandler, McpServer, ResourceTemplate, Server } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { legacyHandler } from '#lib/dev/test/broker.ts'
import type { Db } from '#lib/db/client.ts'
import { served } from './served.ts'

/** A secret by its form, in a resource. */
export const shelfKey = ['AKIA', 'ABCDEFGHIJKLMNOP'].join('')

/**
 * Servers that call everything the same: `east` of 2026-07-28 and `west` of 2025-11-25. `paged` shows two prompts a page; `silent` never says
 * which it has.
 */
export async function startLibraries(db: Db): Promise<{ stop(): void }> {
  return await served(db, {
    east: toNodeHandler(createMcpHandler(() => library('east'))),
    west: legacyHandler(() => library('west')),
    paged: toNodeHandler(createMcpHandler(paged)),
    silent: toNodeHandler(createMcpHandler(silent)),
  })
}

function library(id: string): McpServer {
  const server = new McpServer({ name: id, version: '1' })
  const rules = { uri: 'doc://rules', text: `rules of ${id}` }
  server.registerTool('look', { inputSchema: z.object({}), annotations: { readOnlyHint: true } }, () => ({
    content: [
      { type: 'resource_link', uri: rules.uri, name: 'rules' },
      { type: 'resource', resource: rules },
    ],
  }))
  server.registerResource('rules', rules.uri, { mimeType: 'text/plain' }, () => ({ contents: [rules] }))
  server.registerResource('key', 'doc://key', {}, (uri) => ({
    contents: [{ uri: uri.href, text: `the key is ${shelfKey}` }],
  }))
  const numbers = (value: string): string[] => [`7 of ${id}`, '8'].filter((each) => each.startsWith(value))
  const template = new ResourceTemplate('doc://page/{number}', { list: undefined, complete: { number: numbers } })
  server.registerResource('page', template, {}, (uri, { number }) => ({
    contents: [{ uri: uri.href, text: `page ${String(number)} of ${id}` }],
  }))
  const city = completable(z.string(), (value) => [`Paris ${id}`, 'Oslo'].filter((name) => name.startsWith(value)))
  server.registerPrompt('greet', { argsSchema: z.object({ city }) }, () => ({
    messages: [
      { role: 'user', content: { type: 'text', text: `Hello from ${id}` } },
      { role: 'user', content: { type: 'resource', resource: rules } },
    ],
  }))
  server.registerPrompt('bye', {}, () => ({ messages: [{ role: 'user', content: { type: 'text', text: 'Bye' } }] }))
  return server
}

function bare(capabilities: { prompts: Record<string, never> }): Server {
  const server = new Server({ name: 'bare', version: '1' }, { capabilities: { tools: {}, ...capabilities } })
  const inputSchema = { type: 'object' as const }
  server.setRequestHandler('tools/list', () => ({
    tools: [{ name: 'look', inputSchema, annotations: { readOnlyHint: true } }],
  }))
  return server
}

function paged(): Server {
  const server = bare({ prompts: {} })
  server.setRequestHandler('prompts/list', ({ params }) => {
    const from = Number(params?.cursor ?? '0')
    const names = ['e', 'd', 'c', 'b', 'a'].slice(from, from + 2)
    return { prompts: names.map((name) => ({ name })), ...(from < 4 ? { nextCursor: String(from + 2) } : {}) }
  })
  return server
}

function silent(): Server {
  const server = bare({ prompts: {} })
  server.setRequestHandler('prompts/list', async (_, { mcpReq }) => {
    await new Promise<void>((resolve) => mcpReq.signal.addEventListener('abort', () => resolve()))
    return { prompts: [] }
  })
  return server
}
