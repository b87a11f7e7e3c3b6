import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { expect } from 'vitest'
import { z } from 'zod'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, listening, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startBroker } from './testing/start-broker.ts'

dbTest(
  'a connection that ends without an answer: what reads is sent once more, a change never',
  async ({ db, databaseUrl, onTestFinished }) => {
    // Takes connections away as a server does that closes an idle one just as it is used again.
    const server = { dropNext: false, reached: 0 }
    const handle = toNodeHandler(
      createMcpHandler(() => {
        const mcp = new McpServer({ name: 'dropping', version: '1' })
        const answer = { content: [{ type: 'text' as const, text: 'done' }] }
        const inputSchema = z.object({})
        mcp.registerTool('look', { inputSchema, annotations: { readOnlyHint: true } }, () => answer)
        mcp.registerTool(
          'change',
          { inputSchema, annotations: { readOnlyHint: false, destructiveHint: false } },
          () => answer,
        )
        return mcp
      }),
    )
    const http = createServer((request, response) => {
      if (request.headers['mcp-method'] === 'tools/call') {
        server.reached += 1
        if (server.dropNext) {
          server.dropNext = false
          return void request.socket.destroy()
        }
      }
      void handle(request, response)
    })
    const url = `${await listening(http)}/mcp`
    const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
    await db.mcpServer.create({ data: { id: 'dropping', name: 'Dropping', url, ...rest } })
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'dropping', class: 'write' })
    const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
    onTestFinished(async () => {
      await broker.stop()
      http.close()
      http.closeAllConnections()
    })
    await until(async () => (await db.mcpTool.count()) === 2)
    await broker.broker.keeper.refresh()
    const token = await sessionToken(db, broker.url, agent)
    const reached = async (tool: string) => {
      server.dropNext = true
      const before = server.reached
      const { text } = await postCall({ broker }, { token, tool, serverId: 'dropping' })
      return { text, times: server.reached - before }
    }
    expect(await reached('look')).toEqual({ text: expect.stringContaining('done') as string, times: 2 })
    expect(await reached('change')).toEqual({
      text: expect.stringContaining('upstream_unavailable') as string,
      times: 1,
    })
  },
)
