import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { startChild } from '#lib/dev/test/child.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { installStdioServer, makeStdioServer, stdioKey } from '#lib/dev/test/stdio-servers.ts'

const megabyte = 1024 * 1024
const serverId = 'program'

/** A broker and a sandbox service as they run in production, each a process, and a server that writes the id of its answers last. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-large-'))
  await installStdioServer(home, serverId)
  await makeStdioServer(db, { id: serverId, args: ['steady.ts', 'modern'] })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId, class: 'read' })
  const sandboxPort = await freePort()
  const sandboxUrl = `http://127.0.0.1:${sandboxPort}`
  const sandbox = await startChild({
    entry: 'lib/sandbox/main.ts',
    env: {
      DATABASE_URL: databaseUrl,
      WHEELHOUSE_HOME: home,
      WHEELHOUSE_SANDBOX_PORT: String(sandboxPort),
      WHEELHOUSE_ENVIRONMENT_KEY: 'k'.repeat(32),
      WHEELHOUSE_STDIO_KEY: stdioKey,
      WHEELHOUSE_CLAUDE_PORT: '1',
      WHEELHOUSE_LOG_LEVEL: 'warn',
    },
    ready: async () => (await fetch(`${sandboxUrl}/healthz`)).ok,
  })
  const env = { WHEELHOUSE_STDIO_KEY: stdioKey, WHEELHOUSE_SANDBOX_URL: sandboxUrl }
  const broker = await startBrokerProcess({ databaseUrl, env })
  onCleanup(async () => {
    await broker.stop()
    await sandbox.stop()
    await rm(home, { recursive: true, force: true })
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) > 0, 60_000)
  // One more poll, so that the broker knows what it has just found.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  return { broker, sandbox, agentId: agent.agentId, token: await sessionToken(db, broker.url, agent) }
})

type World = { broker: { url: string; pid: number }; sandbox: { pid: number }; token: string }

test(
  'a result of 100 MB of a server over stdio passes whole while others are under way, and neither process holds it',
  {
    timeout: 240_000,
  },
  async ({ db, world }) => {
    const pids = { broker: world.broker.pid, sandbox: world.sandbox.pid }
    // Whose the large answer is cannot be known before its end: this one waits as well.
    const waiting = new AbortController()
    const slow = call(world, { name: 'slow', arguments: {}, signal: waiting.signal })
    slow.catch(() => {})
    const sized = (size: number) => call(world, { name: 'big', arguments: { bytes: size * megabyte } })
    const large = () => sized(100)
    // The first ones warm up buffers and the heap: small, so that what holds a large one is not in the figure before.
    for (let times = 0; times < 3; times += 1) await sized(10)
    const before = { broker: await residentMegabytes(pids.broker), sandbox: await residentMegabytes(pids.sandbox) }
    const { answer, most: first } = await measure(large, pids)
    expect(answer).toMatchObject({ status: 200, whole: true })
    expect(answer.bytes).toBeGreaterThan(100 * megabyte)
    expect(answer.head).toMatch(/^\{"jsonrpc":"2.0","id":"mine","result":\{/)
    expect(answer.tail).toMatch(/xxx.*\}\}$/)
    // Whoever holds a result holds each of them; a heap that is cleared late is large once.
    const { most: second } = await measure(large, pids)
    const least = (name: 'broker' | 'sandbox') => Math.min(first[name], second[name])
    const most = { broker: least('broker'), sandbox: least('sandbox') }
    expect({
      broker: most.broker - before.broker <= 32,
      sandbox: most.sandbox - before.sandbox <= 32,
      of: { before, most },
    }).toMatchObject({ broker: true, sandbox: true })
    const row = await db.auditEvent.findFirst({
      where: { agentId: world.agentId, event: 'mcp.result_passed' },
      orderBy: { seq: 'desc' },
    })
    expect(row?.detail).toMatchObject({ outcome: 'ok' })
    waiting.abort()
  },
)

type Megabytes = Record<'broker' | 'sandbox', number>

/** Does the work and looks at how large the processes become meanwhile. */
async function measure<T>(work: () => Promise<T>, pids: Megabytes): Promise<{ answer: T; most: Megabytes }> {
  const state = { done: false }
  const working = work().finally(() => (state.done = true))
  const most = { broker: 0, sandbox: 0 }
  while (!state.done) {
    for (const name of ['broker', 'sandbox'] as const) {
      most[name] = Math.max(most[name], await residentMegabytes(pids[name]))
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { answer: await working, most }
}

/** Calls a tool and reads the answer as it comes, without keeping it. */
async function call(
  { broker, token }: World,
  { name, arguments: given, signal }: { name: string; arguments: object; signal?: AbortSignal },
) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const sent = httpRequest(`${broker.url}/mcp/${serverId}`, {
    method: 'POST',
    ...(signal ? { signal } : {}),
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': name,
    },
  })
  const params = { name, arguments: given, _meta }
  sent.end(JSON.stringify({ jsonrpc: '2.0', id: 'mine', method: 'tools/call', params }))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let [bytes, head, tail, whole] = [0, '', '', true]
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (head.length < 200) head = (head + chunk.toString('utf8', 0, 400)).slice(0, 200)
      tail = (tail + chunk.toString('utf8', Math.max(0, chunk.length - 400))).slice(-200)
    }
  } catch {
    whole = false
  }
  return { status: response.statusCode!, bytes, head, tail, whole }
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / 1024
}
