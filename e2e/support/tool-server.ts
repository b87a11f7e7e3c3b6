import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { type CallToolResult, createMcpHandler, McpServer, type ToolAnnotations } from '@modelcontextprotocol/server'
import { type APIRequestContext, expect, type Page } from '@playwright/test'
import { z } from 'zod'
import { credentialOf, tokenOf } from './agent-calls.ts'
import { post } from './api.ts'
import { signInAs } from './sign-in.ts'

export type OfferedTool = {
  name: string
  description: string
  input?: z.ZodObject
  annotations?: ToolAnnotations
  answer?: () => CallToolResult
}

export type ToolServer = {
  url: string
  /** Nobody answers at its address until it is started again. */
  stop: () => Promise<void>
  start: () => Promise<void>
}

/** An MCP server of the journey on this machine; what it offers is asked anew with each request. `guard`: whoever does not show this header is refused. */
export async function startToolServer(
  offered: () => readonly OfferedTool[],
  guard?: { header: string; value: string },
): Promise<ToolServer> {
  const handle = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name: 'journey', version: '1' })
      for (const { name, description, input = z.object({}), annotations, answer } of offered()) {
        const about = { description, inputSchema: input, ...(annotations ? { annotations } : {}) }
        server.registerTool(name, about, () => answer?.() ?? { content: [] })
      }
      return server
    }),
  )
  let http: Server
  const listen = async (port: number): Promise<void> => {
    http = createServer((request, response) => {
      const isShown = guard === undefined || request.headers[guard.header.toLowerCase()] === guard.value
      if (isShown) void handle(request, response)
      else response.writeHead(401).end()
    })
    http.listen(port, '127.0.0.1')
    await once(http, 'listening')
  }
  await listen(0)
  const { port } = http!.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    start: () => listen(port),
    stop: async () => {
      if (!http.listening) return
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
}

type Listed = { toolList: { name: string; definitionHash: string; state: string }[] }

export async function serverOf(api: APIRequestContext, id: string): Promise<Listed> {
  return (await (await api.get(`/api/v1/servers/${id}`)).json()) as Listed
}

/** Registers it, and approves its tools when a broker has listed them. */
async function registerApproved(
  api: APIRequestContext,
  server: { id: string; name: string; url: string },
  tools: readonly OfferedTool[],
): Promise<void> {
  const acknowledged = ['not_probed', 'plain_http', 'loopback_address', 'no_authentication']
  await post(api, '/servers', { ...server, environment: 'staging', sensitivity: 'internal', acknowledged })
  const listed = async () => (await serverOf(api, server.id)).toolList
  await expect.poll(async () => (await listed()).length, { timeout: 90_000 }).toBe(tools.length)
  const read = (await listed()).map(({ name, definitionHash }) => ({ name, definitionHash }))
  await post(api, `/servers/${server.id}/approve`, { tools: read }, 200)
}

/** The same, and the token of an agent that may read there; who gave it its scope is signed in afterwards. */
export async function registerReadable(
  api: APIRequestContext,
  page: Page,
  {
    tools,
    agentId,
    ...server
  }: { id: string; name: string; url: string; tools: readonly OfferedTool[]; agentId: string },
): Promise<string> {
  await registerApproved(api, server, tools)
  await grantScope(api, page, { agentId, serverId: server.id, class: 'read' })
  return await tokenOf(await credentialOf(agentId))
}

export async function disableServer(api: APIRequestContext, id: string): Promise<void> {
  await api.patch(`/api/v1/servers/${id}`, { data: { status: 'disabled', reason: 'The journey ends.' } })
}

/** The agent is asked for a scope by one person and given it by another, who is signed in afterwards. */
async function grantScope(
  api: APIRequestContext,
  page: Page,
  scope: { agentId: string; serverId: string; class: string },
): Promise<void> {
  const wish = { ...scope, days: 1, reason: 'The journey calls it.' }
  const { requestId } = await post<{ requestId: string }>(api, '/scope-requests', wish)
  await signInAs(page, 'Security')
  const decided = await page.evaluate(async (id) => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ decision: 'approve' })
    const response = await fetch(`/api/v1/scope-requests/${id}/decide`, { method: 'POST', headers, body })
    return { ok: response.ok, text: await response.text() }
  }, requestId)
  expect(decided.ok, decided.text).toBe(true)
}
