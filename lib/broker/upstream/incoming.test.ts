import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { afterEach, expect, test } from 'vitest'
import { listening } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { Incoming } from './incoming.ts'
import { readReply } from './http.ts'
import { redactNothing } from '#lib/core/redaction.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

const reply = `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: 1, result: { text: 'here' } })}\n\n`
const megabyte = 1024 * 1024

test('an event stream that its server ends after the reply leaves the connection for the next call', async () => {
  const { connections, ask } = await startServer((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(reply)
    setTimeout(() => response.end(), 20)
  })
  for (let times = 0; times < 5; times += 1) {
    expect(await ask()).toMatchObject({ ok: true, result: { text: 'here' } })
    await sleep(40)
  }
  expect(connections()).toBe(1)
})

test('a server that names its content type twice is read as it says first', async () => {
  const { ask } = await startServer((response) => {
    response.setHeader('content-type', ['application/json', 'application/json'])
    response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { text: 'here' } }))
  })
  expect(await ask()).toMatchObject({ ok: true, result: { text: 'here' } })
})

test('one that stays open after the reply is closed soon, and one that goes on at length at once', async () => {
  const closed: string[] = []
  const { ask } = await startServer((response, turn) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(reply)
    response.once('close', () => closed.push(turn === 1 ? 'talkative' : 'silent'))
    if (turn === 1) for (let said = 0; said < 32; said += 1) response.write(`: ${'x'.repeat(megabyte / 16)}\n`)
  })
  await ask()
  await ask()
  await until(async () => closed.length === 2, 3000)
  expect(closed).toEqual(['talkative', 'silent'])
})

test('what nobody takes makes its server wait, and is there when it is taken', async () => {
  let written = 0
  const { pool } = await startServer(async (response) => {
    response.writeHead(200)
    for (; written < 40; written += 1) if (!response.write(Buffer.alloc(megabyte, 'x'))) await once(response, 'drain')
    response.end()
  })
  const incoming = await Incoming.of(pool, { path: '/', method: 'GET' }, new AbortController().signal)
  await sleep(300)
  // What the two kernels hold in between is a few megabytes.
  expect(written).toBeLessThan(20)
  let bytes = 0
  for (let chunk = incoming.take(); chunk !== null; chunk = incoming.take()) {
    if (chunk) bytes += chunk.length
    else await incoming.more()
  }
  expect(bytes).toBe(40 * megabyte)
})

test('what is read for nobody is broken off when it does not end', async () => {
  let closed = false
  const { pool } = await startServer((response) => {
    response.writeHead(401)
    response.once('close', () => (closed = true))
    const writing = setInterval(() => response.write(Buffer.alloc(megabyte, 'x')), 5)
    response.once('close', () => clearInterval(writing))
  })
  const incoming = await Incoming.of(pool, { path: '/', method: 'GET' }, new AbortController().signal)
  await incoming.dump()
  await until(() => closed)
  expect(closed).toBe(true)
})

test('a request that waits for a connection is given up at once, and never sent', async () => {
  let asked = 0
  const { pool } = await startServer((response) => {
    asked += 1
    setTimeout(() => response.end('done'), 300)
  })
  const first = Incoming.of(pool, { path: '/', method: 'POST', body: 'a' }, new AbortController().signal)
  const giving = new AbortController()
  const sending = { sent: false }
  const second = Incoming.of(pool, { path: '/', method: 'POST', body: 'b' }, giving.signal, sending)
  let answered = false
  void first.then(() => (answered = true))
  giving.abort(new Error('no time'))
  await expect(second).rejects.toThrow('no time')
  expect(answered).toBe(false)
  await (await first).dump()
  await sleep(50)
  expect([asked, sending.sent]).toEqual([1, false])
})

test('a body that is given up, or breaks off, says why', async () => {
  const { pool } = await startServer((response, turn) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('some')
    if (turn === 2) setTimeout(() => response.destroy(), 20)
  })
  const giving = new AbortController()
  const given = await Incoming.of(pool, { path: '/', method: 'GET' }, giving.signal)
  setTimeout(() => giving.abort(new Error('enough')), 20)
  await expect(given.dump()).rejects.toThrow('enough')
  const broken = await Incoming.of(pool, { path: '/', method: 'GET' }, new AbortController().signal)
  await expect(broken.dump()).rejects.toThrow(/other side closed|aborted|terminated/)
  await expect(Incoming.of(pool, { path: '/', method: 'GET' }, AbortSignal.abort(new Error('late')))).rejects.toThrow(
    'late',
  )
})

/** A server that answers each request as its turn says, and a pool of one connection at a time. */
async function startServer(answer: (response: ServerResponse, turn: number) => unknown) {
  let connections = 0
  let turn = 0
  const http = createServer((request, response) => {
    request.resume().once('end', () => void answer(response, (turn += 1)))
  })
  http.on('connection', () => (connections += 1))
  const pool = new Pool(await listening(http), { connections: 1, pipelining: 1 })
  stops.push(async () => {
    await pool.destroy()
    http.close()
    http.closeAllConnections()
  })
  const { signal } = new AbortController()
  const post = { pool, path: '/', headers: {}, body: '{}', signal, redact: redactNothing }
  const limits = { resultBytesMax: megabyte, resultDepthMax: 64, streamFromBytes: 0, streamBytesMax: megabyte }
  return {
    pool,
    connections: () => connections,
    ask: async () =>
      await readReply(
        await Incoming.of(pool, { path: '/', method: 'POST', body: '{}' }, signal),
        { ...post, ...limits },
        1,
      ),
  }
}
