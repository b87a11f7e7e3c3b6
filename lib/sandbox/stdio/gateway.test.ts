import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ownerFor, sealTicket, stdioPath } from '#lib/core/stdio-ticket.ts'
import { installStdioServer, stdioKey } from '#lib/dev/test/stdio-servers.ts'
import { createLog } from '#lib/log/log.ts'
import { type TestDriver, testDriver } from '../testing/test-driver.ts'
import { StdioGateway } from './gateway.ts'
import { HostedProcess } from './hosted-process.ts'
import { standardLimits } from './limits.ts'
import { SpoolSpace } from './spool.ts'

// Real sandboxes on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let sandboxes: TestDriver
beforeAll(async () => {
  sandboxes = await testDriver()
  await installStdioServer(sandboxes.folder, 'steady')
})
afterAll(() => sandboxes.end())

const owner = ownerFor('server', null)
const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const remember = (word: string) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'remember', arguments: { word }, _meta: meta },
})

/** A gateway to one process; `held` lets what is asked wait until it is looked for. */
async function world(era: 'modern' | 'legacy' = 'modern') {
  const { driver, folder } = sandboxes
  const process = new HostedProcess({
    driver,
    spec: {
      command: { command: 'node', args: ['steady.ts', era] },
      environment: {},
      workspace: `w${randomBytes(4).toString('hex')}`,
      programFolder: join(folder, 'stdio/steady'),
      startsInFolder: true,
    },
    limits: standardLimits,
    spools: new SpoolSpace({ folder: join(folder, 'spool'), bytesMax: 0 }),
    isOneAgents: false,
    onState() {},
    onStarted() {},
    onEnded() {},
  })
  const answered: string[] = []
  const responses: ServerResponse[] = []
  const answers: Promise<void>[] = []
  let held: Promise<void> = Promise.resolve()
  const gateway = new StdioGateway({
    ticketKey: stdioKey,
    limits: standardLimits,
    log: createLog({ process: 'test', level: 'silent' }),
    find: async () => {
      await held
      return process
    },
    isForListing: () => false,
    lastWordsOf: () => null,
    deadlineOf: () => standardLimits.requestMs,
    onAnswered: (outcome) => answered.push(outcome),
  })
  const http = createServer((request, response) => {
    responses.push(response)
    answers.push(gateway.answer(request, response))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const send = (
    message: object | null,
    { signal, headers }: { signal?: AbortSignal; headers?: Record<string, string> } = {},
  ) =>
    fetch(`http://127.0.0.1:${port}${stdioPath('steady', owner.key)}`, {
      method: message ? 'POST' : 'GET',
      headers: {
        authorization: `Bearer ${sealTicket(stdioKey, { serverId: 'steady', owner, environment: {} })}`,
        'content-type': 'application/json',
        ...headers,
      },
      ...(message ? { body: JSON.stringify(message) } : {}),
      ...(signal ? { signal } : {}),
    })
  const ask = (word: string, signal?: AbortSignal) => send(remember(word), signal ? { signal } : {})
  return {
    process,
    answered,
    send,
    ask,
    /** Asks and leaves while `held`; resolves when the gateway knows and has done with it. */
    async askAndLeave(word: string, letGo: () => void) {
      const leaving = new AbortController()
      const asked = ask(word, leaving.signal).catch(() => null)
      await vi.waitFor(() => expect(responses).toHaveLength(1), { timeout: 10_000 })
      leaving.abort()
      await asked
      await vi.waitFor(() => expect(responses[0]?.closed).toBe(true), { timeout: 10_000 })
      letGo()
      await answers[0]
    },
    hold: (until: Promise<void>): void => void (held = until),
    async stop() {
      http.close()
      http.closeAllConnections()
      await process.end({ graceful: false, why: 'tested' })
    },
  }
}

test('a call that was ended while its process was looked for is not begun, and uses nothing', async () => {
  const { process, answered, ask, askAndLeave, hold, stop } = await world()
  const gate = Promise.withResolvers<void>()
  hold(gate.promise)
  await askAndLeave('ended', gate.resolve)
  expect(process.using).toBe(0)
  const reply = (await (await ask('kept')).json()) as { result: { content: { text: string }[] } }
  expect(reply.result.content[0]?.text).toBe('kept / kept')
  expect(answered).toEqual(['cancelled', 'answered'])
  await vi.waitFor(() => expect(process.using).toBe(0), { timeout: 10_000 })
  await stop()
})

test('nor is one that was ended while its process was started', async () => {
  const { process, answered, ask, askAndLeave, stop } = await world()
  await askAndLeave('ended', () => {})
  expect(process.using).toBe(0)
  const reply = (await (await ask('kept')).json()) as { result: { content: { text: string }[] } }
  expect(reply.result.content[0]?.text).toBe('kept / kept')
  expect(answered).toEqual(['cancelled', 'answered'])
  await stop()
})

test('of a stream whose client has left nothing is kept for as long as the process runs', async () => {
  const { process, send, stop } = await world('legacy')
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  const opened = await send({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
  const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id')! }
  await opened.text()
  const { sessions } = await process.use()
  const leaving = new AbortController()
  const streams = [await send(null, { headers, signal: leaving.signal }), await send(null, { headers })]
  expect([streams.map(({ status }) => status), sessions.streams]).toEqual([[200, 200], 2])
  leaving.abort()
  await vi.waitFor(() => expect(sessions.streams).toBe(1), { timeout: 10_000 })
  await process.end({ graceful: false, why: 'tested' })
  expect([await streams[1]!.text(), sessions.streams]).toEqual(['', 0])
  await stop()
})

test('what a server does not let a client watch it hears nothing of, whatever others watch', async () => {
  const { process, send, stop } = await world('legacy')
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  const begun = await send({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
  const id = begun.headers.get('mcp-session-id')!
  await begun.text()
  const subscribe = { jsonrpc: '2.0', id: 2, method: 'resources/subscribe', params: { uri: 'doc://' } }
  const refused = await send(subscribe, { headers: { 'mcp-session-id': id } })
  expect(await refused.json()).toMatchObject({ id: 2, error: {} })
  const { sessions } = await process.use()
  await vi.waitFor(() => expect(sessions.get(id)?.subscriptions).toEqual(new Set()), { timeout: 10_000 })
  await stop()
})
