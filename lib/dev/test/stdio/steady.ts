// A server over stdio as they are: `modern` speaks 2026-07-28, `legacy` the revisions before it. Runs inside a sandbox, from a folder of its own.
import { writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { McpServer } from '@modelcontextprotocol/server'
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'

const remembered: string[] = []

function makeServer(): McpServer {
  const server = new McpServer({ name: 'steady', version: '1' })
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })
  const readOnly = { annotations: { readOnlyHint: true } }
  server.registerTool(
    'echo',
    { description: 'says it again', inputSchema: z.object({ word: z.string() }), ...readOnly },
    ({ word }) => text(word),
  )
  server.registerTool(
    'remember',
    { description: 'keeps a word and says all of them', inputSchema: z.object({ word: z.string() }), ...readOnly },
    async ({ word }) => {
      remembered.push(word)
      await writeFile('/workspace/words', remembered.join(' '))
      return text(`${remembered.join(' ')} / ${await readFile('/workspace/words', 'utf8')}`)
    },
  )
  server.registerTool('secret', { description: 'says its credential', inputSchema: z.object({}), ...readOnly }, () => {
    console.error(`the token is ${process.env['STEADY_TOKEN']}`)
    return text(`length ${process.env['STEADY_TOKEN']?.length ?? 0}: ${process.env['STEADY_TOKEN']}`)
  })
  server.registerTool(
    'steps',
    {
      description: 'tells how far it is',
      inputSchema: z.object({ count: z.number(), everyMs: z.number().optional() }),
      ...readOnly,
    },
    async ({ count, everyMs }, ctx) => {
      const progressToken = ctx.mcpReq._meta?.progressToken ?? ''
      for (let progress = 1; progress <= (progressToken === '' ? 0 : count); progress += 1) {
        const params = { progressToken, progress, total: count }
        await ctx.mcpReq.notify({ method: 'notifications/progress', params })
        if (everyMs) await sleep(everyMs)
      }
      return text(`${count} steps`)
    },
  )
  server.registerTool(
    'slow',
    { description: 'takes its time', inputSchema: z.object({}), ...readOnly },
    async (_, ctx) => {
      await writeFile('/workspace/slow', 'running')
      await new Promise<void>((resolve) => ctx.mcpReq.signal.addEventListener('abort', () => resolve()))
      writeFileSync('/workspace/slow', 'cancelled')
      return text('too late')
    },
  )
  server.registerTool(
    'slow-state',
    { description: 'what became of it', inputSchema: z.object({}), ...readOnly },
    async () => text(await readFile('/workspace/slow', 'utf8').catch(() => 'none')),
  )
  server.registerTool(
    'ask',
    { description: 'asks for a name', inputSchema: z.object({}), ...readOnly },
    async (_, ctx) => {
      const requestedSchema = { type: 'object' as const, properties: { name: { type: 'string' as const } } }
      const { content } = await ctx.mcpReq.elicitInput({ message: 'Who?', requestedSchema })
      return text(`it is ${String(content?.['name'])}`)
    },
  )
  server.registerTool(
    'big',
    { description: 'answers with many bytes', inputSchema: z.object({ bytes: z.number() }), ...readOnly },
    ({ bytes }) => text('x'.repeat(bytes)),
  )
  return server
}

if (process.argv[2] === 'legacy') await makeServer().connect(new StdioServerTransport())
else serveStdio(makeServer)
