import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { pipeline } from 'node:stream/promises'
import { createMcpHandler, type McpHttpHandler, Server, type ServerCapabilities } from '@modelcontextprotocol/server'
import { brokerInfo } from '../wire.ts'
import { sessionHeader } from './sessions.ts'

const instructions =
  'Tools come from an MCP server behind the Wheelhouse broker. You see the tools you may call. A refused call names the rule, what to do about it and who can change it.'

/** Answers what is not hot in both eras with the SDK: handshakes, discovery, pings, notifications, and methods that are not brokered. */
export class SdkEndpoint {
  readonly #onError: (error: Error) => void
  readonly #handlers = new Map<string, McpHttpHandler>()

  constructor(onError: (error: Error) => void) {
    this.#onError = onError
  }

  /** One handler for each set of capabilities: few. */
  handlerFor(capabilities: ServerCapabilities): McpHttpHandler {
    const key = JSON.stringify(capabilities)
    let handler = this.#handlers.get(key)
    if (!handler) {
      handler = createMcpHandler(() => new Server(brokerInfo, { capabilities, instructions }), {
        onerror: this.#onError,
      })
      this.#handlers.set(key, handler)
    }
    return handler
  }

  async close(): Promise<void> {
    await Promise.all([...this.#handlers.values()].map((handler) => handler.close()))
  }
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
    /** Of a session that begins with the answer. */
    session: string | null
  },
  response: ServerResponse,
): Promise<void> {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) {
    // The token is verified and goes no further.
    if (typeof value === 'string' && name !== 'authorization' && name !== sessionHeader) headers.set(name, value)
  }
  const answer = await handler.fetch(
    new Request(request.url, { method: request.method, headers, body: request.text, signal: request.gone }),
    request.text === null ? {} : { parsedBody: request.body },
  )
  const begun = answer.status === 200 && request.session !== null ? { [sessionHeader]: request.session } : {}
  response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), ...begun })
  if (answer.body) await pipeline(Readable.fromWeb(answer.body as ReadableStream), response)
  else response.end()
}
