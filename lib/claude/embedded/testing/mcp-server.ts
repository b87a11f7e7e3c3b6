import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { World } from './world.ts'

/** A real MCP server on loopback, for tests: it knows who may come in and what was called. */
export type TestMcpServer = {
  url: string
  /** Bearer tokens it lets in; change it to rotate or revoke. */
  tokens: Set<string>
  calls: { tool: string; input: unknown; token: string }[]
  /** Calls of `hold` wait until this is called. */
  release(): void
  stop(): Promise<void>
}

export async function startTestMcpServer(token: string): Promise<TestMcpServer> {
  const tokens = new Set([token])
  const calls: TestMcpServer['calls'] = []
  let gate = Promise.withResolvers<void>()
  let current = ''

  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'ledger', version: '1.0.0' })
    const note = (tool: string, input: unknown): void => void calls.push({ tool, input, token: current })
    const said = (text: string) => ({ content: [{ type: 'text' as const, text }] })
    server.registerTool(
      'list_rows',
      {
        description: 'Lists rows',
        inputSchema: z.object({ limit: z.number().default(2) }),
        annotations: { readOnlyHint: true },
      },
      async ({ limit }) => {
        note('list_rows', { limit })
        return said(JSON.stringify(Array.from({ length: limit }, (_, row) => ({ row }))))
      },
    )
    server.registerTool(
      'add_row',
      { description: 'Adds a row', inputSchema: z.object({ name: z.string() }) },
      async (input) => {
        note('add_row', input)
        return said(`added ${input.name}`)
      },
    )
    server.registerTool('denied', { description: 'Is always denied', inputSchema: z.object({}) }, async () => {
      note('denied', {})
      return { ...said('Refused by rule grant:missing. Ask for ledger:write.'), isError: true }
    })
    server.registerTool('hold', { description: 'Waits', inputSchema: z.object({}) }, async () => {
      note('hold', {})
      await gate.promise
      return said('held until released')
    })
    return server
  })
  const handle = toNodeHandler(handler)
  const server = createServer((request, response) => {
    const bearer = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    if (!tokens.has(bearer)) {
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="ledger"' }).end()
      return
    }
    current = bearer
    void handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    tokens,
    calls,
    release() {
      gate.resolve()
      gate = Promise.withResolvers<void>()
    },
    async stop() {
      gate.resolve()
      await handler.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** An agent with the test's MCP server and a vault with the token for it. */
export async function withLedger({ client }: World, mcp: TestMcpServer, token = 'first-token') {
  const vault = await client.beta.vaults.create({ display_name: 'test' })
  const credential = await client.beta.vaults.credentials.create(vault.id, {
    auth: { type: 'static_bearer', mcp_server_url: mcp.url, token },
  })
  return {
    vaultIds: [vault.id],
    credentialId: credential.id,
    agent: {
      mcp_servers: [{ type: 'url' as const, name: 'ledger', url: mcp.url }],
      tools: [
        {
          type: 'mcp_toolset' as const,
          mcp_server_name: 'ledger',
          default_config: { permission_policy: { type: 'always_allow' as const } },
        },
      ],
    },
  }
}
