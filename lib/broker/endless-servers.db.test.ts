import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text as textOf } from 'node:stream/consumers'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, listening, portalUrl } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { standardLimits } from './limits.ts'
import { startBroker } from './testing/start-broker.ts'
import { ToolLists } from './tool-lists.ts'
import { UpstreamConnection } from './upstream/connection.ts'
import { noCredential } from './upstream/credential.ts'

const mebibyte = 1024 * 1024
type Rpc = { id?: number; method?: string; params?: { cursor?: string } }
type Way = (response: ServerResponse, body: Rpc) => void

/** A server of 2025-11-25 that does as it likes; how much it could say to each request, and to how many nobody listens any more. */
async function startServer(ways: Record<string, Way>) {
  const told: { method: string; bytes: number; closed: boolean }[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const body = JSON.parse(await textOf(request)) as Rpc
    const { method = '' } = body
    const way = ways[method]
    if (way) {
      const entry = { method, bytes: 0, closed: false }
      told.push(entry)
      response.once('close', () => (entry.closed = true))
      const write = response.write.bind(response)
      response.write = (chunk: string) => {
        entry.bytes += chunk.length
        return write(chunk)
      }
      return way(response, body)
    }
    if (body.id === undefined) return void response.writeHead(202).end()
    if (method === 'initialize') return reply(response, body, greeting)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, error: { code: -32601, message: 'Method not found' } }))
  }
  const http = createServer((request, response) => void answer(request, response))
  const stop = (): void => {
    http.close()
    http.closeAllConnections()
  }
  return { url: `${await listening(http)}/mcp`, told, stop }
}

const greeting = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {} },
  serverInfo: { name: 'endless', version: '1' },
}

function reply(response: ServerResponse, { id }: Rpc, result: object): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
}

const endless =
  (type: string, first: string, more: string): Way =>
  (response) => {
    response.writeHead(200, { 'content-type': type })
    response.write(first)
    const pour = () => {
      while (!response.destroyed && response.write(more));
    }
    response.on('drain', pour)
    pour()
  }
const endlessJson = endless(
  'application/json',
  '{"jsonrpc":"2.0","id":1,"result":{"instructions":"',
  'x'.repeat(65_536),
)
const endlessEvents = endless('text/event-stream', 'data: ', 'x'.repeat(65_536))

dbTest.for([
  ['initialize', 'as one answer', endlessJson],
  ['initialize', 'as events', endlessEvents],
  ['server/discover', 'as one answer', endlessJson],
] as const)('of a server that answers %s %s without end so much is read and no more', async ([method, , way]) => {
  const server = await startServer({ [method]: way })
  const connection = new UpstreamConnection({
    url: server.url,
    credential: noCredential,
    limits: standardLimits,
    allowLinkLocal: false,
  })
  try {
    const greeted = connection.ready(new AbortController().signal)
    // One that does not know what it is asked first is asked in the other way.
    if (method === 'initialize') {
      await expect(greeted).rejects.toMatchObject({
        kind: 'too_large',
        message: expect.stringContaining('4194304 bytes (rule result_too_large)') as string,
      })
    } else await greeted.catch(() => {})
    await until(() => server.told.length > 0 && server.told.every(({ closed }) => closed))
    // What the sockets hold comes on top.
    for (const { bytes } of server.told) expect(bytes).toBeLessThan(32 * mebibyte)
  } finally {
    await connection.destroy()
    server.stop()
  }
})

const tool = (name: string, length: number) => ({
  name,
  description: 'y'.repeat(length),
  inputSchema: { type: 'object' },
  annotations: { readOnlyHint: true },
})
const lists: Record<string, Way> = {
  page: (response, body) => reply(response, body, { tools: [tool('long', 300_000)] }),
  pages: (response, body) => {
    const page = Number(body.params?.cursor ?? 0)
    reply(response, body, { tools: [tool(`page-${page}`, 30_000)], nextCursor: String(page + 1) })
  },
  whole: (response, body) => reply(response, body, { tools: [tool('short', 90_000)] }),
}

dbTest(
  'a list of tools is read to its limit: one page of it, many together, and of all servers at once',
  async ({ db, databaseUrl }) => {
    const limits = { toolListBytesMax: 200_000, toolListsBytesMax: 1_000_000 }
    const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
    const servers = await Promise.all(Object.values(lists).map((way) => startServer({ 'tools/list': way })))
    try {
      const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
      for (const [at, id] of Object.keys(lists).entries())
        await db.mcpServer.create({ data: { id, name: id, url: servers[at]!.url, ...about } })
      const { keeper, discovery } = broker.broker
      await keeper.refresh()
      const discover = (id: string) => discovery.discover(keeper.view.servers.get(id)!)
      const tooLong = 'the list of its tools is longer than 200000 bytes (rule result_too_large)'
      await expect(discover('page')).rejects.toThrow(tooLong)
      await expect(discover('pages')).rejects.toThrow(tooLong)
      // Each lets go of what it has read: it is not read away.
      for (let time = 0; time < 12; time += 1) await discover('whole')
      expect(await db.mcpTool.findMany({ select: { serverId: true, name: true } })).toEqual([
        { serverId: 'whole', name: 'short' },
      ])
    } finally {
      await broker.stop()
      for (const { stop } of servers) stop()
    }
  },
)

dbTest('lists that are read at the same time are so long together and no longer', async () => {
  const readings = new ToolLists({ toolListBytesMax: 100_000, toolListsBytesMax: 150_000 })
  const page = { tools: [tool('one', 90_000)] }
  const [one, other] = [readings.begin(), readings.begin()]
  one.take(page)
  expect(() => other.take(page)).toThrow('many long lists of tools are being read (rule result_too_large)')
  expect([other.hold(50_000), other.hold(50_000)]).toEqual([true, false])
  other.end()
  one.end()
  const later = readings.begin()
  later.take(page)
  expect(later.left).toBeLessThan(10_000)
})
