import { randomBytes } from 'node:crypto'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect } from 'vitest'
import { ownerFor, sealTicket, stdioPath } from '#lib/core/stdio-ticket.ts'
import type { Db } from '#lib/db/client.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeStdioServer, stdioKey } from '#lib/dev/test/stdio-servers.ts'
import { orderStop, releaseStop } from '#lib/killswitch/commands.ts'
import { labelledProcesses } from '../bwrap/processes.ts'
import type { SandboxDriver } from '../driver.ts'
import { startStdioService } from '../testing/stdio-service.ts'

type World = { url: string; driver: SandboxDriver; connect: (options: Connect) => Promise<Client> }
type Connect = {
  serverId: string
  environment?: Record<string, string>
  caller?: { teamId: string; agentId: string }
}

const limits = {
  // Long enough for forty megabytes on a busy machine; the test of the deadline waits for it.
  requestMs: 10_000,
  pingMs: 2000,
  stopMs: 500,
  backoffMs: 100,
  backoffMsMax: 2000,
  patienceMs: 1500,
  crashLoopFailures: 3,
  lineBytesMax: 1 << 20,
  streamFromBytes: 256 << 10,
  streamBytesMax: 32 << 20,
  floodBytesMax: 4 << 20,
}

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }): Promise<World> => {
  await makeStdioServer(db, { id: 'steady', args: ['steady.ts', 'modern'], env: ['STEADY_TOKEN'] })
  await makeStdioServer(db, { id: 'older', args: ['steady.ts', 'legacy'] })
  await makeStdioServer(db, { id: 'wild', args: ['wild.ts'], env: ['WILD_TOKEN'] })
  await makeStdioServer(db, { id: 'teams', args: ['steady.ts', 'modern'], boundary: 'team' })
  await makeStdioServer(db, { id: 'broken', args: ['wild.ts', 'crash-at-once'], env: ['WILD_TOKEN'] })
  await makeStdioServer(db, { id: 'mute', args: ['wild.ts', 'mute'] })
  await makeStdioServer(db, { id: 'other', args: ['wild.ts'] })
  const logLevel = process.env['WHEELHOUSE_LOG_LEVEL'] ?? 'silent'
  const servers = ['steady', 'older', 'wild', 'teams', 'broken', 'mute', 'other']
  const { url, driver, clients, stop } = await startStdioService({ db, databaseUrl, servers, limits, logLevel })
  onCleanup(stop)
  return {
    url,
    driver,
    async connect({ serverId, environment = {}, caller = null }) {
      const owner = ownerFor(caller ? 'team' : 'server', caller)
      const ticket = sealTicket(stdioKey, { serverId, owner, environment })
      const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } })
      const requestInit = { headers: { authorization: `Bearer ${ticket}` } }
      const address = new URL(url + stdioPath(serverId, owner.key))
      await client.connect(new StreamableHTTPClientTransport(address, { requestInit }))
      clients.push(client)
      return client
    },
  }
})

const secret = `canary-${randomBytes(8).toString('hex')}`

async function say(client: Client, name: string, given: Record<string, unknown> = {}): Promise<string> {
  const { content } = await client.callTool({ name, arguments: given })
  return (content as { text: string }[])[0]!.text
}

const wild = (client: Client, what: string, detail = '') => say(client, 'do', { what, detail })

async function stateOf(db: Db, serverId: string) {
  return await db.stdioProcess.findFirst({ where: { serverId }, orderBy: { owner: 'asc' } })
}

describe.each(['steady', 'older'])('a server over stdio of its era (%s)', { timeout: 60_000 }, (serverId) => {
  test('is called over HTTP, tells of its progress, and hears of a cancellation', async ({ world }) => {
    const client = await world.connect({ serverId })
    expect(client.getProtocolEra()).toBe(serverId === 'steady' ? 'modern' : 'legacy')
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
    expect(await say(client, 'echo', { word: 'hello' })).toBe('hello')
    const seen: number[] = []
    await client.callTool(
      { name: 'steps', arguments: { count: 3 } },
      { onprogress: ({ progress }) => void seen.push(progress) },
    )
    expect(seen).toEqual([1, 2, 3])
    const ending = new AbortController()
    const slow = client.callTool({ name: 'slow', arguments: {} }, { signal: ending.signal }).catch(() => 'ended')
    await until(async () => (await say(client, 'slow-state')) === 'running')
    ending.abort()
    expect(await slow).toBe('ended')
    await until(async () => (await say(client, 'slow-state')) === 'cancelled')
  })

  test('serves several clients at once with one process, each its own answers and progress', async ({ world }) => {
    const clients = await Promise.all([1, 2, 3].map(() => world.connect({ serverId })))
    const before = (await world.driver.list()).length
    await Promise.all(
      clients.map(async (client, at) => {
        const seen: number[] = []
        const options = { onprogress: ({ total }: { total?: number | undefined }) => void seen.push(total ?? 0) }
        await client.callTool({ name: 'steps', arguments: { count: at + 2 } }, options)
        expect(seen).toEqual(Array.from({ length: at + 2 }, () => at + 2))
        const words = Array.from({ length: 20 }, (_, index) => `${at}-${index}`)
        expect(await Promise.all(words.map((word) => say(client, 'echo', { word })))).toEqual(words)
      }),
    )
    expect((await world.driver.list()).length).toBe(before)
  })

  test('an answer that is too long ends its call alone', async ({ world }) => {
    const client = await world.connect({ serverId })
    const long = client.callTool({ name: 'big', arguments: { bytes: 40 << 20 } })
    await expect(long).rejects.toThrow()
    expect((await say(client, 'big', { bytes: 500_000 })).length).toBe(500_000)
  })
})

test('a client watches no resource by an address longer than is kept', { timeout: 60_000 }, async ({ world }) => {
  const client = await world.connect({ serverId: 'older' })
  const watched = client.subscribeResource({ uri: `doc://${'x'.repeat(2000)}` })
  await expect(watched).rejects.toThrow('a uri of at most 2000 characters')
})

test('an answer that is too large to hold is passed on while it comes, or when it is known that it is nobody else’s', async ({
  world,
}) => {
  const client = await world.connect({ serverId: 'teams', caller: { teamId: 'large', agentId: 'reader' } })
  const bytes = 20 << 20
  expect((await say(client, 'big', { bytes })).length).toBe(bytes)
  expect(await say(client, 'echo', { word: 'on' })).toBe('on')
  // This server writes the id last, and never answers a call that was given up: whose the next one is shows at its end.
  const given = new AbortController()
  const slow = client.callTool({ name: 'slow', arguments: {} }, { signal: given.signal })
  setTimeout(() => given.abort(), 200)
  await expect(slow).rejects.toThrow()
  await until(async () => (await say(client, 'slow-state')) === 'cancelled')
  const [long, other] = await Promise.all([say(client, 'big', { bytes }), say(client, 'big', { bytes: 2 << 20 })])
  expect([long.length, other.length]).toEqual([bytes, 2 << 20])
})

test('what runs is measured and told', { timeout: 60_000 }, async ({ world }) => {
  const client = await world.connect({ serverId: 'steady' })
  expect(await say(client, 'echo', { word: 'measured' })).toBe('measured')
  const metrics = await (await fetch(`${world.url}/metrics`)).text()
  expect(metrics).toMatch(/wheelhouse_sandbox_stdio_processes\{state="running"\} [1-9]/)
  expect(metrics).toMatch(/wheelhouse_sandbox_stdio_start_seconds_count [1-9]/)
  expect(metrics).toMatch(/wheelhouse_sandbox_stdio_requests_total\{outcome="answered"\} [1-9]/)
  const ready = (await (await fetch(`${world.url}/readyz`)).json()) as { stdio: { problem: null; processes: string[] } }
  expect(ready.stdio.problem).toBeNull()
  expect(ready.stdio.processes).toContain('running')
})

describe('its credential', { timeout: 60_000 }, () => {
  test('is a variable of that process alone, and comes back out masked', async ({ db, world }) => {
    const client = await world.connect({ serverId: 'steady', environment: { STEADY_TOKEN: secret, PATH: '/evil' } })
    expect(await say(client, 'secret')).toBe(`length ${secret.length}: [redacted]`)
    const other = await world.connect({ serverId: 'wild' })
    expect(await wild(other, 'environments')).not.toContain(secret)
    await until(async () => (await stateOf(db, 'steady'))?.state === 'running')
    expect(JSON.stringify(await db.stdioProcess.findMany(), bigints)).not.toContain(secret)
  })

  test('no ticket, one of another process, or one of another key opens nothing', async ({ world }) => {
    const owner = ownerFor('server', null)
    const post = async (headers: Record<string, string>) =>
      (await fetch(world.url + stdioPath('steady', 'server'), { method: 'POST', body: '{}', headers })).status
    const bearer = (ticket: string) => ({ authorization: `Bearer ${ticket}` })
    expect(await post({})).toBe(401)
    expect(await post(bearer(sealTicket(stdioKey, { serverId: 'wild', owner, environment: {} })))).toBe(401)
    const wrongKey = randomBytes(32).toString('base64')
    expect(await post(bearer(sealTicket(wrongKey, { serverId: 'steady', owner, environment: {} })))).toBe(401)
    expect(await post(bearer(sealTicket(stdioKey, { serverId: 'steady', owner, environment: {} })))).toBe(400)
  })
})

describe('a server that misbehaves', { timeout: 60_000 }, () => {
  test('reaches neither the network nor the host nor the files of others', async ({ world }) => {
    const client = await world.connect({ serverId: 'wild' })
    const port = new URL(world.url).port
    expect(await wild(client, 'network', `127.0.0.1 ${port}`)).toBe('refused ECONNREFUSED')
    expect(await wild(client, 'network', '1.1.1.1 443')).toMatch(/^refused E(NETUNREACH|PERM)/)
    for (const path of ['/etc/shadow', '/root/.bashrc', '/proc/1/root/etc/shadow'])
      expect(await wild(client, 'read', path)).toMatch(/^refused /)
    expect(await wild(client, 'list', '/workspace')).toBe('')
    expect(await wild(client, 'list', '/opt')).toBe('node server wheelhouse')
  })

  test('garbage on its standard output is refused, and its answers still arrive', async ({ world }) => {
    const client = await world.connect({ serverId: 'wild' })
    expect(await wild(client, 'garbage')).toBe('said garbage')
    expect(await wild(client, 'behave')).toBe('fine')
  })

  test('a crash ends the calls under way with the reason, and it is started again', async ({ db, world }) => {
    const client = await world.connect({ serverId: 'wild', environment: { WILD_TOKEN: secret } })
    await expect(wild(client, 'crash')).rejects.toThrow(/it ended with exit code 3/)
    expect(await wild(client, 'behave')).toBe('fine')
    await until(async () => ((await stateOf(db, 'wild'))?.restarts ?? 0) > 0)
    expect(await stateOf(db, 'wild')).toMatchObject({ lastError: 'it ended with exit code 3' })
  })

  test.for(['flood', 'endless', 'memory'])('%s ends the process, not the service', async (what, { world }) => {
    const client = await world.connect({ serverId: 'other' })
    await expect(wild(client, what)).rejects.toThrow(/flood|out of memory|deadline|answer|line of|SIG|exit code/)
    await until(async () => (await wild(client, 'behave').catch(() => '')) === 'fine', 20_000)
  })

  test('one that hangs is found out by its deadline, and started again', async ({ db, world }) => {
    const client = await world.connect({ serverId: 'other' })
    await until(async () => (await wild(client, 'behave').catch(() => '')) === 'fine', 20_000)
    await expect(wild(client, 'hang')).rejects.toThrow(/it did not answer within/)
    await until(async () => (await wild(client, 'behave').catch(() => '')) === 'fine', 20_000)
    await until(async () => (await stateOf(db, 'other'))?.lastError === 'it does not answer any more')
  })

  test('one that cannot be started is a crash loop, said with its last words, and audited', async ({ db, world }) => {
    const environment = { WILD_TOKEN: secret }
    await expect(world.connect({ serverId: 'broken', environment })).rejects.toThrow()
    await until(async () => (await stateOf(db, 'broken'))?.state === 'crash_loop')
    expect(await stateOf(db, 'broken')).toMatchObject({
      restarts: 3,
      lastError: 'it ended with exit code 7',
      stderr: ['cannot start, token [redacted]'],
    })
    const event = await db.auditEvent.findFirst({ where: { event: 'server.process_failing', serverId: 'broken' } })
    expect(event?.detail).toMatchObject({ owner: 'server', restarts: 3 })
    expect(JSON.stringify(event?.detail)).not.toContain(secret)
    const owner = ownerFor('server', null)
    const ticket = sealTicket(stdioKey, { serverId: 'broken', owner, environment })
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })
    const headers = { authorization: `Bearer ${ticket}` }
    // One whose time has come is tried; the next one is told to wait.
    await until(async () => {
      const refused = await fetch(world.url + stdioPath('broken', 'server'), { method: 'POST', body, headers })
      expect(refused.status).toBe(503)
      return /again and again.*retryAfterMs/.test(await refused.text())
    })
  })
})

test(
  'a stop order ends the process at once with everything in it, is proven, and keeps it away',
  { timeout: 60_000 },
  async ({ db, world }) => {
    const client = await world.connect({ serverId: 'wild' })
    expect(await wild(client, 'stubborn')).toBe('will not go')
    const ctx = ctxFor(db, await makePerson(db, { roles: ['on_call'] }))
    const order = await orderStop(ctx, { scope: 'server', targetId: 'wild', reason: 'odd' })
    const id = order.ok ? order.value.orderId : ''
    await until(async () => (await db.stopAck.count({ where: { orderId: id, process: 'sandbox' } })) === 1)
    const ack = await db.stopAck.findFirstOrThrow({ where: { orderId: id, process: 'sandbox' } })
    expect(ack.detail).toMatchObject({ sandboxesKilled: 1, survivors: [], servers: ['wild/server'] })
    const alive = new Set((await world.driver.list()).map((sandbox) => sandbox.id))
    const strays = (await labelledProcesses(world.driver.label)).filter((process) => !alive.has(process.id))
    expect(strays).toEqual([])
    await expect(wild(client, 'behave')).rejects.toThrow(/stop:server:wild/)
    await releaseStop(ctx, { orderId: id, reason: 'fine' })
    await until(async () => (await wild(client, 'behave').catch(() => '')) === 'fine')
  },
)

test('a server that is disabled has no process any more', { timeout: 60_000 }, async ({ db, world }) => {
  const client = await world.connect({ serverId: 'teams', caller: { teamId: 'red', agentId: 'one' } })
  expect(await say(client, 'echo', { word: 'a' })).toBe('a')
  const of = async () =>
    (await world.driver.list()).filter(({ workspace }) => workspace.startsWith('mcp-teams-')).length
  expect(await of()).toBeGreaterThan(0)
  await db.mcpServer.update({ where: { id: 'teams' }, data: { status: 'disabled' } })
  await until(async () => (await of()) === 0)
  await expect(say(client, 'echo', { word: 'a' })).rejects.toThrow(/no active server/)
})

function bigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
