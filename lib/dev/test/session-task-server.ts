import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  InMemoryTaskMessageQueue,
  InMemoryTaskStore,
} from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import type {
  CreateTaskRequestHandlerExtra,
  TaskRequestHandlerExtra,
} from '@modelcontextprotocol/sdk/experimental/tasks/interfaces.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { EmptyResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'

/** Of all clients, whatever their session: as a server does that keeps tasks by who is authorized. */
class SharedTaskStore extends InMemoryTaskStore {
  override createTask(...[options, id, request]: Parameters<InMemoryTaskStore['createTask']>) {
    return super.createTask(options, id, request)
  }
  override getTask(taskId: string) {
    return super.getTask(taskId)
  }
  override storeTaskResult(...[taskId, status, result]: Parameters<InMemoryTaskStore['storeTaskResult']>) {
    return super.storeTaskResult(taskId, status, result)
  }
  override getTaskResult(taskId: string) {
    return super.getTaskResult(taskId)
  }
  override updateTaskStatus(...[taskId, status, message]: Parameters<InMemoryTaskStore['updateTaskStatus']>) {
    return super.updateTaskStatus(taskId, status, message)
  }
  override listTasks(cursor?: string) {
    return super.listTasks(cursor)
  }
}

export type SessionTaskServer = {
  url: string
  store: InMemoryTaskStore
  sessions(): number
  /** Their ids. */
  sessionIds(): string[]
  /** Its own ids of the tasks it began, in their order. */
  began: string[]
  /** It knows no session any more. */
  forget(): void
  /** The methods of what it was sent, in their order. */
  heard: string[]
  /** Says something over the stream of every session, whoever it is about. */
  tellAll(method: string, params: Record<string, unknown>): Promise<void>
  stop(): Promise<void>
}

const link = { type: 'resource_link' as const, uri: 'file:///done', name: 'done' }
/** What is said to be `link` is one. */
const text = (words: string) => ({ content: [words === 'link' ? link : { type: 'text' as const, text: words }] })

/** A server of 2025-11-25 with tasks, made with the SDK of that time: `compute` may be called as a task, `confirm` has to be and asks. `bound`: a task is known in the session it was begun in only. */
export async function startSessionTaskServer({ bound = false } = {}): Promise<SessionTaskServer> {
  const store = bound ? new InMemoryTaskStore() : new SharedTaskStore()
  const heard: string[] = []
  const began: string[] = []
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  const http = createServer((request, response) => void handle(request, response))

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = request.headers['mcp-session-id']
    let transport = typeof id === 'string' ? sessions.get(id) : undefined
    if (!transport && id !== undefined) return void response.writeHead(404).end()
    if (!transport) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (sessionId) => void sessions.set(sessionId, transport!),
        onsessionclosed: (sessionId) => void sessions.delete(sessionId),
      })
      await makeServer(store, began).connect(transport)
      const { onmessage } = transport
      const hear: typeof onmessage = (message, extra) => {
        if ('method' in message) heard.push(message.method)
        onmessage?.(message, extra)
      }
      Object.assign(transport, { onmessage: hear })
    }
    await transport.handleRequest(request, response)
  }

  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    store,
    sessions: () => sessions.size,
    sessionIds: () => [...sessions.keys()],
    began,
    forget: () => sessions.clear(),
    heard,
    async tellAll(method, params) {
      for (const transport of sessions.values()) await transport.send({ jsonrpc: '2.0', method, params })
    },
    async stop() {
      store.cleanup()
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
}

function makeServer(store: InMemoryTaskStore, began: string[]): McpServer {
  const server = new McpServer(
    { name: 'session-tasks', version: '1' },
    {
      capabilities: { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
      taskStore: store,
      taskMessageQueue: new InMemoryTaskMessageQueue(),
    },
  )
  const begin = async (extra: CreateTaskRequestHandlerExtra, work: (taskId: string) => Promise<string>) => {
    // It begins nothing for a client that is not there.
    await extra.sendRequest({ method: 'ping' }, EmptyResultSchema)
    const task = await extra.taskStore.createTask({ ttl: 60_000, pollInterval: 50 })
    began.push(task.taskId)
    void work(task.taskId).then(
      (words) => extra.taskStore.storeTaskResult(task.taskId, 'completed', text(words)).catch(() => {}),
      (error: unknown) => {
        const result = { ...text(String(error)), isError: true }
        return extra.taskStore.storeTaskResult(task.taskId, 'failed', result).catch(() => {})
      },
    )
    return { task }
  }
  const look = {
    getTask: async (_: unknown, extra: TaskRequestHandlerExtra) => await extra.taskStore.getTask(extra.taskId),
    getTaskResult: async (_: unknown, extra: TaskRequestHandlerExtra) =>
      (await extra.taskStore.getTaskResult(extra.taskId)) as never,
  }
  server.experimental.tasks.registerToolTask(
    'compute',
    {
      description: 'Takes its time',
      inputSchema: { ms: z.number(), say: z.string() },
      annotations: { readOnlyHint: true },
      execution: { taskSupport: 'optional' },
    },
    {
      createTask: ({ ms, say }, extra) =>
        begin(extra, async () => {
          await sleep(ms, undefined, { ref: false })
          return say
        }),
      ...look,
    },
  )
  server.experimental.tasks.registerToolTask(
    'confirm',
    {
      description: 'Asks before it changes something',
      inputSchema: {},
      annotations: { readOnlyHint: false, destructiveHint: false },
      execution: { taskSupport: 'required' },
    },
    {
      createTask: (_, extra) =>
        begin(extra, async (taskId) => {
          await extra.taskStore.updateTaskStatus(taskId, 'input_required')
          const requestedSchema = { type: 'object' as const, properties: { yes: { type: 'boolean' as const } } }
          const params = { mode: 'form' as const, message: 'Really?', requestedSchema }
          const { action, content } = await server.server.elicitInput(params, { relatedTask: { taskId } })
          return `${action} ${JSON.stringify(content)}`
        }),
      ...look,
    },
  )
  return server
}
