import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import {
  createTaskSessionFromClient,
  type RawClientDispatch,
  type TaskEnabledSession,
} from '@modelcontextprotocol/ext-tasks/client'
import type { JsonValue } from '@modelcontextprotocol/ext-tasks/core'
import type { RpcBody } from './broker-world.ts'

const tasksExtension = 'io.modelcontextprotocol/tasks'
const version = '2026-07-28'
const clientInfo = { name: 'task-client', version: '1' }

export type TaskClient = {
  client: Client
  /** As the extension's own library drives tasks. */
  session: TaskEnabledSession
  /** One bare request, to see what is answered. */
  ask(method: string, params: Record<string, unknown>, at?: string): Promise<RpcBody>
  /** Listens for how tasks are; calls back with each message. Call the returned function to stop. */
  listen(taskIds: readonly string[], onMessage: (message: RpcNotice) => void): () => void
  /** Calls a tool that becomes a task; its handle. */
  begin(tool: string, args?: Record<string, unknown>): Promise<Record<string, unknown> & { taskId: string }>
  /** The task once it is over, or in that state. */
  settled(taskId: string, status?: string): Promise<Record<string, unknown>>
}

export type RpcNotice = { method?: string; params: Record<string, unknown> }

/** A client of 2026-07-28 that takes tasks, made of the SDK and the library of the extension. */
export async function connectTaskClient(options: {
  url: string
  token: string
  /** What else it can do. */
  capabilities?: Record<string, object>
  answer?: (params: unknown) => Record<string, unknown>
}): Promise<TaskClient> {
  const { url, token, capabilities = { elicitation: {} }, answer } = options
  const clientCapabilities = { ...capabilities, extensions: { [tasksExtension]: {} } } as Record<string, JsonValue>
  const client = new Client(clientInfo, {
    versionNegotiation: { mode: { pin: version } },
    capabilities: clientCapabilities,
  })
  const headers = { authorization: `Bearer ${token}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  let lastId = 0
  const meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': clientInfo,
    'io.modelcontextprotocol/clientCapabilities': clientCapabilities,
  }
  const post = (
    method: string,
    params: Record<string, unknown>,
    options: { at?: string; signal?: AbortSignal } = {},
  ) => {
    const { at = url, signal } = options
    const named = params['name'] ?? params['taskId']
    return fetch(at, {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        accept: signal ? 'application/json, text/event-stream' : 'application/json',
        'mcp-protocol-version': version,
        'mcp-method': method,
        ...(typeof named === 'string' ? { 'mcp-name': named } : {}),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: (lastId += 1), method, params: { _meta: meta, ...params } }),
      ...(signal ? { signal } : {}),
    })
  }
  const ask: TaskClient['ask'] = async (method, params, at = url) =>
    (await (await post(method, params, { at })).json()) as RpcBody
  const rawDispatch: RawClientDispatch = async (request) => {
    const { method, params } = request as { method: string; params: Record<string, unknown> }
    const { result, error } = await ask(method, params)
    return error
      ? { kind: 'error', error: error as never }
      : { kind: 'result', result: result as Record<string, JsonValue> }
  }
  const session = createTaskSessionFromClient(client, {
    endpointId: url,
    rawDispatch,
    v2RequestFraming: { protocolVersion: version, clientInfo, clientCapabilities },
    ...(answer ? { onInputRequest: ({ params }) => Promise.resolve(answer(params) as never) } : {}),
  })
  return {
    client,
    session,
    ask,
    listen(taskIds, onMessage) {
      const { signal, abort } = stoppable()
      const read = async (): Promise<void> => {
        const response = await post('subscriptions/listen', { notifications: { taskIds } }, { signal })
        let text = ''
        for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
          text += chunk
          const events = text.split('\n\n')
          text = events.pop() ?? ''
          for (const event of events) {
            const data = /^data: (.*)$/m.exec(event)?.[1]
            if (data) onMessage(JSON.parse(data) as RpcNotice)
          }
        }
      }
      read().catch(() => {})
      return abort
    },
    async begin(tool, args = {}) {
      const { result, error } = await ask('tools/call', { name: tool, arguments: args })
      if (result?.['resultType'] !== 'task') throw new Error(`No task was begun: ${JSON.stringify(error ?? result)}`)
      return result as Record<string, unknown> & { taskId: string }
    },
    async settled(taskId, status) {
      for (;;) {
        const { result, error } = await ask('tasks/get', { taskId })
        if (!result) throw new Error(JSON.stringify(error))
        if (result['status'] === status) return result
        if (['completed', 'failed', 'cancelled'].includes(String(result['status']))) return result
        await new Promise((resolve) => setTimeout(resolve, 30))
      }
    },
  }
}

function stoppable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}
