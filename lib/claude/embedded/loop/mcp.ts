import {
  type CallToolResult,
  Client,
  type FetchLike,
  ProtocolError,
  SdkHttpError,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import { Agent, fetch as undiciFetch } from 'undici'
import type { EventOf } from '../events/types.ts'
import type { ServerTool } from './toolset.ts'

/** A call that says how it goes on, as one that waits for a person does, may take this long. */
const heldMsMax = 24 * 3_600_000

export type ResultBlock = NonNullable<EventOf<'agent.mcp_tool_result'>['content']>[number]
export type CallOutcome = { content: ResultBlock[]; isError: boolean }

/** Why a server could not be used; `refused` means it wants another credential. */
export class McpFailure extends Error {
  override readonly name = 'McpFailure'
  readonly kind: 'refused' | 'unreachable'

  constructor(kind: 'refused' | 'unreachable', message: string) {
    super(message)
    this.kind = kind
  }
}

/** One session's connection to one MCP server, made when it is first needed and again when it was lost. */
export type McpConnection = {
  listTools(signal: AbortSignal): Promise<ServerTool[]>
  /** A refusal of the server is an outcome the model is told; only a failing connection throws `McpFailure`. */
  callTool(call: { name: string; input: Record<string, unknown> }, signal: AbortSignal): Promise<CallOutcome>
  close(): Promise<void>
}

type Options = {
  name: string
  url: string
  /** Read before every request, so a rotated token counts at once. */
  token: () => Promise<string | null>
  deadlines: { connectMs: number; callMs: number }
}

/** A result is cut here, in characters; the model is told. */
const resultCharsMax = 100_000

/** A call that waits for a person at the broker may be silent for long; its own deadline bounds it instead of undici's. */
const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 4_000 })
const patientFetch: FetchLike = async (url, init) => {
  const options = { ...init, dispatcher } as Parameters<typeof undiciFetch>[1]
  return (await undiciFetch(url, options)) as unknown as Response
}

export function createMcpConnection(options: Options): McpConnection {
  let open: Promise<Client> | null = null

  async function connected(signal: AbortSignal): Promise<Client> {
    open ??= connect(options, signal)
    try {
      return await open
    } catch (error) {
      open = null
      throw toFailure(options.name, error)
    }
  }

  async function drop(): Promise<void> {
    const client = await open?.catch(() => null)
    open = null
    await client?.close().catch(() => {})
  }

  return {
    async listTools(signal) {
      const client = await connected(signal)
      try {
        const { tools } = await client.listTools(undefined, { signal, timeout: options.deadlines.connectMs })
        return tools.map((tool) => ({
          name: tool.name,
          description: tool.description,
          inputSchema: tool.inputSchema as Record<string, unknown>,
          repeatable: tool.annotations?.readOnlyHint === true || tool.annotations?.idempotentHint === true,
        }))
      } catch (error) {
        await drop()
        throw toFailure(options.name, error)
      }
    },

    async callTool({ name, input }, signal) {
      const client = await connected(signal)
      const { callMs } = options.deadlines
      try {
        const result = await client.callTool(
          { name, arguments: input },
          { signal, timeout: callMs, maxTotalTimeout: heldMsMax, resetTimeoutOnProgress: true, onprogress() {} },
        )
        return toOutcome(result)
      } catch (error) {
        if (error instanceof ProtocolError) return refusal(error.message)
        if (error instanceof SdkHttpError && error.status === 403) return refusal(messageOf(error))
        await drop()
        throw toFailure(options.name, error)
      }
    },

    close: drop,
  }
}

async function connect(options: Options, signal: AbortSignal): Promise<Client> {
  const client = new Client(
    { name: 'wheelhouse-embedded-claude', version: '1' },
    { versionNegotiation: { mode: 'auto' }, inputRequired: { autoFulfill: false } },
  )
  const transport = new StreamableHTTPClientTransport(new URL(options.url), {
    authProvider: { token: async () => (await options.token()) ?? undefined },
    onInsufficientScope: 'throw',
    fetch: patientFetch,
  })
  await client.connect(transport, { signal, timeout: options.deadlines.connectMs })
  return client
}

function toFailure(serverName: string, error: unknown): McpFailure {
  if (error instanceof McpFailure) return error
  const status = error instanceof SdkHttpError ? error.status : null
  if (error instanceof UnauthorizedError || status === 401 || status === 403) {
    return new McpFailure('refused', `The MCP server ${serverName} refused the credential: ${messageOf(error)}`)
  }
  return new McpFailure('unreachable', `The MCP server ${serverName} did not answer: ${messageOf(error)}`)
}

function refusal(text: string): CallOutcome {
  return { content: [{ type: 'text', text }], isError: true }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 500)
}

function toOutcome(result: CallToolResult): CallOutcome {
  const blocks = result.content.map(toBlock)
  const structured = result.structuredContent
  if (blocks.length === 0 && structured !== undefined) blocks.push({ type: 'text', text: JSON.stringify(structured) })
  return { content: cut(blocks), isError: result.isError === true }
}

function toBlock(block: CallToolResult['content'][number]): ResultBlock {
  if (block.type === 'text') return { type: 'text', text: block.text }
  if (block.type === 'image') {
    return { type: 'image', source: { type: 'base64', media_type: block.mimeType, data: block.data } }
  }
  if (block.type === 'resource' && 'text' in block.resource) return { type: 'text', text: block.resource.text }
  if (block.type === 'resource_link') return { type: 'text', text: `${block.name}: ${block.uri}` }
  return { type: 'text', text: `[${block.type} content is not shown]` }
}

function cut(blocks: readonly ResultBlock[]): ResultBlock[] {
  let left = resultCharsMax
  return blocks.map((block): ResultBlock => {
    if (block.type !== 'text') return block
    const kept = block.text.slice(0, left)
    left -= kept.length
    if (kept.length === block.text.length) return block
    return { type: 'text', text: `${kept}\n[cut: the result was longer than ${resultCharsMax} characters]` }
  })
}
