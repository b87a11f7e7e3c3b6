import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { listening, startUpstream } from '#lib/dev/test/broker.ts'
import { startRawMcp } from '#lib/dev/test/raw-mcp.ts'
import { freePort } from '#lib/dev/ports.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { forgetFleetChanges, forgetServerProbes, requestServerProbe, runServerProbe } from './commands.ts'
import { getServerProbe } from './queries.ts'
import type { RequestServerProbeInput } from './schema/probes.ts'

const secretBox = createSecretBox(randomBytes(32).toString('base64'))
const clientToken = () => Promise.reject(new Error('No OAuth client is tried here.'))
const namedIssuer = () => Promise.resolve(null)
const parts = { programs: null, clientToken, namedIssuer }

async function probe(db: Ctx['db'], input: RequestServerProbeInput, allowLinkLocal = false) {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const { probeId } = await requestServerProbe(ctx, { input, secretBox })
  expect((await getServerProbe(ctx, probeId)).report).toBeNull()
  const worker = { db, actor: systemActor('worker'), now: new Date() }
  await runServerProbe(worker, { probeId, secretBox, allowLinkLocal, ...parts })
  const { report } = await getServerProbe(ctx, probeId)
  return { report: report!, kinds: report!.findings.map(({ kind }) => kind).toSorted(), probeId }
}

async function serving<T>(listener: RequestListener, work: (url: string) => Promise<T>): Promise<T> {
  const http = createServer(listener)
  const url = await listening(http)
  try {
    return await work(url)
  } finally {
    const closed = once(http, 'close')
    http.close()
    http.closeAllConnections()
    await closed
  }
}

for (const legacy of [false, true]) {
  dbTest(
    `an open server of the ${legacy ? 'older' : 'newer'} era shows what it offers and how it is guarded`,
    async ({ db }) => {
      const upstream = await startUpstream({ legacy })
      try {
        const { report, kinds, probeId } = await probe(db, { url: upstream.url })
        expect(kinds).toEqual(['loopback_address', 'no_authentication', 'plain_http', 'unannotated_tools'])
        expect(report).toMatchObject({
          reachable: true,
          tls: 'none',
          challenge: null,
          protocol: { era: legacy ? 'legacy' : 'modern' },
        })
        const classes = Object.fromEntries(report.tools.map((tool) => [tool.name, tool.class]))
        expect(classes).toEqual({ look: 'read', change: 'write', wipe: 'destructive', leak: 'read', slow: 'read' })
        expect(await auditOf(db, probeId)).toMatchObject([
          { event: 'server.probed', detail: { withCredential: false } },
        ])
      } finally {
        await upstream.stop()
      }
    },
  )
}

dbTest('a guarded server is asked with the credential, which is then forgotten and never shown', async ({ db }) => {
  const upstream = await startUpstream()
  try {
    await serving(
      (request, response) => {
        if (request.headers.authorization !== 'Bearer canary-secret') {
          return void response.writeHead(401, { 'www-authenticate': 'Bearer realm="canary-secret"' }).end()
        }
        const body = request.method === 'POST' ? { body: request, duplex: 'half' } : {}
        void fetch(upstream.url, {
          method: request.method!,
          headers: { ...(request.headers as Record<string, string>), connection: 'close' },
          ...(body as object),
        }).then(
          async (answer) =>
            response
              .writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
              .end(await answer.text()),
          () => response.writeHead(502).end(),
        )
      },
      async (url) => {
        const bare = await probe(db, { url: `${url}/mcp` })
        expect(bare.kinds).toEqual(['loopback_address', 'needs_credential', 'plain_http'])
        const wrong = await probe(db, { url: `${url}/mcp`, credential: { kind: 'bearer', secret: 'wrong' } })
        expect(wrong.kinds).toContain('credential_refused')
        const { kinds, report, probeId } = await probe(db, {
          url: `${url}/mcp`,
          credential: { kind: 'bearer', secret: 'canary-secret' },
        })
        expect(kinds).toContain('credential_works')
        expect(report.tools).toHaveLength(5)
        const row = await db.serverProbe.findUniqueOrThrow({ where: { id: probeId } })
        expect(row.ciphertext).toBeNull()
        expect(JSON.stringify([report, await auditOf(db, probeId)])).not.toContain('canary')
      },
    )
  } finally {
    await upstream.stop()
  }
})

dbTest('no link-local or metadata address is asked, whatever leads there', async ({ db }) => {
  for (const url of [
    'http://169.254.169.254/latest/meta-data',
    'http://[::ffff:a9fe:a9fe]/',
    'http://metadata.google.internal/',
  ]) {
    const { kinds, report } = await probe(db, { url })
    expect([url, kinds.includes('refused_address'), report.reachable]).toEqual([url, true, false])
  }
  await serving(
    (_, response) => void response.writeHead(307, { location: 'http://169.254.169.254/latest' }).end(),
    async (url) => {
      const { kinds, report } = await probe(db, { url })
      expect(kinds).toContain('redirects')
      expect(report.tools).toEqual([])
    },
  )
})

dbTest('what is no MCP server, and what is not there, is told apart from one', async ({ db }) => {
  await serving(
    (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hello</h1>'),
    async (url) => {
      const { kinds, report } = await probe(db, { url })
      expect(kinds).toContain('not_mcp')
      expect(report.findings).toContainEqual({ kind: 'not_mcp', note: 'status 200, text/html' })
      expect(report.protocol).toBeNull()
    },
  )
  const gone = await probe(db, { url: `http://127.0.0.1:${await freePort()}/mcp` })
  expect(gone.report.findings).toContainEqual({
    kind: 'unreachable',
    note: 'ECONNREFUSED: nothing listens at this port',
  })
})

dbTest('a credential that a server says back is shown in none of its forms', async ({ db }) => {
  const raw = await startRawMcp({
    nameOf: ({ headers }) => `${headers.authorization} canary-password`,
    answer: () => ({ tools: [] }),
  })
  try {
    const credential = { kind: 'basic', secret: 'ada:canary-password' } as const
    const { report } = await probe(db, { url: raw.url, credential })
    expect(report.protocol?.server).toBe('Basic [redacted] [redacted] 1')
  } finally {
    await raw.stop()
  }
})

dbTest('a probe that fails for good keeps no credential, and none is kept for longer than a day', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const input = { url: 'https://example.test/mcp', credential: { kind: 'bearer', secret: 'canary' } } as const
  const [failed, waiting] = [await requestServerProbe(ctx, { input, secretBox }), await requestServerProbe(ctx, { input, secretBox })] // prettier-ignore
  const wrongKey = createSecretBox(randomBytes(32).toString('base64'))
  const worker = { db, actor: systemActor('worker'), now: ctx.now }
  const sealed = async ({ probeId }: { probeId: string }) =>
    (await db.serverProbe.findUniqueOrThrow({ where: { id: probeId } })).ciphertext !== null
  for (const last of [false, true]) {
    await expect(
      runServerProbe(worker, { ...failed, last, secretBox: wrongKey, allowLinkLocal: false, ...parts }),
    ).rejects.toThrow()
    expect(await sealed(failed)).toBe(!last)
  }
  const at = (ms: number) => ({ ...worker, now: new Date(ctx.now.getTime() + ms) })
  await forgetServerProbes(at(86_400_000 - 1000))
  expect(await sealed(waiting)).toBe(true)
  expect(await forgetServerProbes(at(86_400_000 + 1000))).toBeGreaterThanOrEqual(2)
  expect(await db.serverProbe.count({ where: { id: { in: [failed.probeId, waiting.probeId] } } })).toBe(0)
  for (const forget of [forgetServerProbes, forgetFleetChanges]) {
    await expect(forget(ctx)).rejects.toMatchObject({ code: 'forbidden' })
  }
})

dbTest('notes of changes are deleted after a day, in as many batches as it takes', async ({ db }) => {
  await db.$executeRaw`insert into "FleetChange" ("kind", "key", "xid", "at")
    select 'agent', n::text, 1, now() - interval '25 hours' from generate_series(1, 10050) n`
  await db.$executeRaw`insert into "FleetChange" ("kind", "key", "xid", "at") values ('agent', 'recent', 1, now() - interval '23 hours')`
  const worker = { db, actor: systemActor('worker'), now: new Date() }
  expect(await forgetFleetChanges(worker)).toBe(10_050)
  expect(await forgetFleetChanges(worker)).toBe(0)
  expect(await db.fleetChange.count({ where: { key: 'recent' } })).toBe(1)
})
