import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { listening, startUpstream } from '#lib/dev/test/broker.ts'
import { testAuthority } from '#lib/dev/test/certificates.ts'
import { startRawMcp } from '#lib/dev/test/raw-mcp.ts'
import { type ProbeCredential, probeServer } from './probe-server.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

async function serve(http: Server & { closeAllConnections(): void }): Promise<string> {
  const url = await listening(http)
  stops.push(async () => {
    const closed = once(http, 'close')
    http.close()
    http.closeAllConnections()
    await closed
  })
  return `${url}/mcp`
}

async function probe(url: string, credential: ProbeCredential | null = null, withinMs?: number) {
  const report = await probeServer({ url, credential, allowLinkLocal: false, ...(withinMs && { withinMs }) })
  return { report, noteOf: Object.fromEntries(report.findings.map(({ kind, note }) => [kind, note])) }
}

const key: ProbeCredential = { name: 'x-key', shown: async () => ({ headers: { 'x-key': 'k' } }) }

/** Passes on what a real server says, changed as the test wants it. */
async function inFrontOf(upstream: string, options: { change?: (body: string) => string; guard?: RequestListener }) {
  return await serve(
    createServer((request, response) => {
      void (async () => {
        const body = request.method === 'POST' ? { body: await text(request) } : {}
        Object.assign(request, body)
        options.guard?.(request, response)
        if (response.headersSent) return
        const headers = { ...(request.headers as Record<string, string>), connection: 'close' }
        const answer = await fetch(upstream, { method: request.method!, headers, ...body })
        const said = await answer.text()
        const type = answer.headers.get('content-type') ?? ''
        response.writeHead(answer.status, { 'content-type': type }).end(options.change?.(said) ?? said)
      })().catch(() => response.destroy())
    }),
  )
}

test('an entry that is no tool is left out with why, and hides none of the others, in either era', async () => {
  const modern = await startUpstream()
  stops.push(() => modern.stop())
  const odd = '"tools":[{"name":"bare"},5,{"name":"look","inputSchema":{"type":"object"}},'
  const url = await inFrontOf(modern.url, { change: (body) => body.replace('"tools":[', odd) })
  const raw = await startRawMcp({ answer: () => ({ tools: [{ name: 'bare' }, look, 5, look], nextCursor: null }) })
  stops.push(() => raw.stop())
  const reasons = [
    'Its inputSchema is no object.',
    'It is no object.',
    'It is listed more than once: the first one counts.',
  ]
  for (const [at, era, count] of [
    [url, 'modern', 5],
    [raw.url, 'legacy', 1],
  ] as const) {
    const { report, noteOf } = await probe(at)
    expect(report).toMatchObject({ reachable: true, protocol: { era }, leftOutTotal: 3 })
    expect(report.leftOut?.map(({ reason }) => reason)).toEqual(reasons)
    expect([report.tools.length, noteOf['left_out_tools']]).toEqual([count, 'bare, (no name), look'])
  }
})

const look = { name: 'look', inputSchema: { type: 'object' } }

test('of a server that lists more than a probe looks at, that is said', async () => {
  const tools = Array.from({ length: 501 }, (_, index) => ({ ...look, name: `look_${index}` }))
  const raw = await startRawMcp({ answer: () => ({ tools }) })
  stops.push(() => raw.stop())
  const { report, noteOf } = await probe(raw.url)
  expect([report.tools.length, noteOf['tools_not_looked_at']]).toEqual([500, 'the first 500'])
})

test('a server that greets and lists no tools is reached, and what it answers instead is said', async () => {
  for (const [answer, note] of [
    [() => ({ tools: 'none' }), 'its answer to tools/list holds no list of tools'],
    [() => ({ nothing: true }), 'what it answers to tools/list is no result'],
  ] as const) {
    const raw = await startRawMcp({ answer })
    stops.push(() => raw.stop())
    const { report, noteOf } = await probe(raw.url)
    expect([report.reachable, noteOf['tools_not_listed'], noteOf['unreachable']]).toEqual([true, note, undefined])
  }
})

test('a server that lets everybody greet it and nobody list its tools asks for a credential', async () => {
  const modern = await startUpstream()
  stops.push(() => modern.stop())
  const url = await inFrontOf(modern.url, {
    guard: (request, response) => {
      if (!String((request as { body?: unknown }).body).includes('tools/list')) return
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="tools"' }).end()
    },
  })
  const { report, noteOf } = await probe(url)
  expect(report).toMatchObject({ reachable: true, challenge: 'Bearer realm="tools"', protocol: { era: 'modern' } })
  expect(noteOf).toMatchObject({ needs_credential: 'Bearer realm="tools"' })
  expect(noteOf).not.toHaveProperty('no_authentication')
})

test('a server that says 400 to a stranger is not taken for an open one', async () => {
  const modern = await startUpstream()
  stops.push(() => modern.stop())
  const url = await inFrontOf(modern.url, {
    guard: (request, response) => {
      if (request.headers['x-key'] !== 'k') response.writeHead(400, { 'content-type': 'text/plain' }).end('no key')
    },
  })
  expect((await probe(url)).noteOf['not_mcp']).toBe('status 400, text/plain')
  const { report, noteOf } = await probe(url, key)
  expect(noteOf).toMatchObject({ needs_credential: 'status 400, text/plain', credential_works: 'sent as x-key' })
  expect([report.tools.length, Object.keys(noteOf)]).toEqual([5, expect.not.arrayContaining(['no_authentication'])])
})

test('a server that never answers is slow, not unknown', async () => {
  const url = await serve(createServer(() => {}))
  const { report, noteOf } = await probe(url, key, 300)
  expect([report.reachable, Object.keys(noteOf)]).toEqual([false, expect.arrayContaining(['slow'])])
  expect(noteOf).not.toHaveProperty('credential_refused')
})

test('a server of the older transport is told by its stream', async () => {
  const url = await serve(
    createServer((request, response) => {
      if (request.method !== 'GET') return void response.writeHead(405).end()
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write('event: endpoint\ndata: /messages?id=1\n\n')
    }),
  )
  expect((await probe(url)).noteOf).toMatchObject({ older_transport: 'status 405' })
})

test('where a redirect leads is said without its query, and nobody goes there', async () => {
  const url = await serve(
    createServer((_, response) => void response.writeHead(308, { location: '/login?next=secret' }).end()),
  )
  const { noteOf } = await probe(url, key)
  expect(noteOf['redirects']).toBe(url.replace('/mcp', '/login'))
  expect(noteOf).not.toHaveProperty('unreachable')
})

test('a certificate that nobody vouches for, and TLS where there is none, are told apart', async () => {
  const { certificate, privateKey } = await (await testAuthority()).issue('CN=localhost')
  const tls = await serve(createTlsServer({ cert: certificate, key: privateKey }, (_, response) => void response.end()))
  const untrusted = await probe(tls.replace('http:', 'https:'), key)
  expect(untrusted.report.tls).toBe('failed')
  expect(untrusted.noteOf['untrusted_certificate']).toMatch(/: it is signed by nobody the system trusts$/)
  const plain = await serve(createServer((_, response) => void response.end()))
  const { noteOf } = await probe(plain.replace('http:', 'https:'))
  expect(noteOf['unreachable']).toMatch(/TLS/)
})
