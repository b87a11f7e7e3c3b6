import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { installStdioServer } from '#lib/dev/test/stdio-servers.ts'
import { type TestDriver, testDriver } from '../testing/test-driver.ts'
import { Exchange } from './exchange.ts'
import { HostedProcess } from './hosted-process.ts'
import { standardLimits, type StdioLimits } from './limits.ts'
import type { Message } from './messages.ts'
import { SpoolSpace } from './spool.ts'

// Real sandboxes on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let sandboxes: TestDriver
beforeAll(async () => {
  sandboxes = await testDriver()
  await installStdioServer(sandboxes.folder, 'steady')
})
afterAll(() => sandboxes.end())

function host(limits: Partial<StdioLimits>, args = ['steady.ts', 'modern']) {
  const states: string[] = []
  const process = new HostedProcess({
    driver: sandboxes.driver,
    spec: {
      command: { command: 'node', args },
      environment: {},
      workspace: `w${randomBytes(4).toString('hex')}`,
      programFolder: join(sandboxes.folder, 'stdio/steady'),
      startsInFolder: true,
    },
    limits: { ...standardLimits, ...limits },
    spools: new SpoolSpace({ folder: join(sandboxes.folder, 'spool'), bytesMax: 0 }),
    isOneAgents: false,
    onState: ({ state }) => states.push(state),
    onStarted() {},
    onEnded() {},
  })
  return { process, states }
}

const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const request = (name: string, given: object): Message => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: given, _meta: meta },
})
const nobody = { session: {}, onMessage() {}, answers: () => false }

test('a process is started by who needs it first, once, and ended when nobody uses it', async () => {
  const { process, states } = host({ idleMs: 400, stopMs: 1000 })
  const [one, two] = await Promise.all([process.use(), process.use()])
  expect(one).toBe(two)
  const leave = process.enter()
  await new Promise((resolve) => setTimeout(resolve, 900))
  expect(states).toEqual(['starting', 'running'])
  leave()
  await vi.waitFor(() => expect(process.facts.state).toBe('stopped'), { timeout: 10_000 })
  expect(await sandboxes.driver.list()).toEqual([])
  expect(process.facts).toMatchObject({ restarts: 0, lastError: null })
  // A request that comes while it ends waits, and gets the next one.
  const again = await process.use()
  const ending = process.end({ graceful: true, why: 'tested' })
  await expect(process.use()).rejects.toMatchObject({ rule: 'process_unavailable' })
  expect((await ending).survivors).toEqual([])
  expect(await again.program.ended).toBe('tested')
})

test('one that never answers is ended at its deadline, and nothing waits longer', async () => {
  const { process, states } = host({ probeMs: 200, startMs: 400, backoffMs: 60_000 }, ['wild.ts', 'mute'])
  await expect(process.use()).rejects.toMatchObject({ message: expect.stringMatching(/did not answer/) as string })
  expect(states).toEqual(['starting', 'backing_off'])
  await expect(process.use()).rejects.toMatchObject({ retryAfterMs: expect.any(Number) as number })
  expect(await sandboxes.driver.list()).toEqual([])
  await process.end({ graceful: false, why: 'tested' })
})

test('a reader who does not read lets the process wait, holds nobody up for long, and is let go', async () => {
  const { process } = host({ backlogBytesMax: 1 << 20, stallMs: 700 })
  const { program } = await process.use()
  const http = createServer((_, response) => {
    const exchange = new Exchange(response)
    exchange.watchedBy(program.backlog)
    for (let id = 1; id <= 6; id += 1) {
      const { reply } = program.multiplexer.call({ ...request('big', { bytes: 2 << 20 }), id }, nobody)
      void reply.then((message) => exchange.event(message!))
    }
  })
  const reader = connect(await listening(http), '127.0.0.1')
  reader.pause()
  reader.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await vi.waitFor(() => expect(program.backlog.isHeld).toBe(true), { timeout: 10_000 })
  expect(program.backlog.bytes).toBeLessThan(8 << 20)
  // Nobody is read from while it is held; then the reader is gone and the others go on.
  const { reply } = program.multiplexer.call(request('echo', { word: 'on' }), nobody)
  expect(await reply).toMatchObject({ result: { content: [{ text: 'on' }] } })
  expect(program.backlog.isHeld).toBe(false)
  expect(program.backlog.bytes).toBe(0)
  reader.destroy()
  http.close()
  await process.end({ graceful: false, why: 'tested' })
})

test('one that is kept from reading is ended before much waits for it', async () => {
  const { process } = host({ inputBytesMax: 1 << 20, backoffMs: 60_000 }, ['wild.ts'])
  const { program } = await process.use()
  const { multiplexer } = program
  multiplexer.call(request('do', { what: 'deafen' }), nobody)
  const detail = 'x'.repeat(1 << 18)
  await vi.waitFor(
    () => {
      if (!program.isEnding) multiplexer.call(request('do', { what: 'behave', detail }), nobody)
      expect(program.isEnding).toBe(true)
    },
    { timeout: 30_000, interval: 50 },
  )
  expect(await program.ended).toBe('it does not read what it is sent')
  await process.end({ graceful: false, why: 'tested' })
})

async function listening(http: Server): Promise<number> {
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return (http.address() as AddressInfo).port
}
