import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { pipeline } from 'node:stream/promises'
import { createMcpHandler, type McpHttpHandler, Server } from '@modelcontextprotocol/server'
import { brokerInfo } from '../wire.ts'

const instructions =
  'Tools come from an MCP server behind the Wheelhouse broker. You see the tools you may call. A refused call names the rule, what to do about it and who can change it.'

/** Answers what is not hot in both eras with the SDK: handshakes, discovery, pings, notifications, and methods that are not brokered. */
export function createSdkEndpoint(onError: (error: Error) => void): McpHttpHandler {
  return createMcpHandler(() => new Server(brokerInfo, { capabilities: { tools: {} }, instructions }), {
    onerror: onError,
  })
}

export async function answerWithSdk(
  handler: McpHttpHandler,
  request: {
    url: string
    method: string
    headers: IncomingHttpHeaders
    text: string | null
    body: unknown
    gone: AbortSignal
  },
  response: ServerResponse,
): Promise<void> {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    // The token is verified and goes no further.
    if (typeof value === 'string' && name !== 'authorization') headers.set(name, value)
  }
  const answer = await handler.fetch(
    new Request(request.url, { method: request.method, headers, body: request.text, signal: request.gone }),
    request.text === null ? {} : { parsedBody: request.body },
  )
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  if (answer.body) await pipeline(Readable.fromWeb(answer.body as ReadableStream), response)
  else response.end()
}
