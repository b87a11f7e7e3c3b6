import { once } from 'node:events'
import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { afterEach, describe, expect, vi } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { createLog } from '#lib/log/log.ts'
import { listening } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { recordCredentialTrouble } from '#lib/registry/commands.ts'
import {
  broker,
  call,
  echo,
  protectedServer,
  registered,
  set,
  stateOf,
  stopAll,
  stops,
} from './testing/credential-world.ts'
import { CredentialReport } from './upstream/credential-report.ts'

afterEach(async () => {
  vi.useRealTimers()
  await stopAll()
})

/** A server that takes a request only while `takes` says so. */
async function guarded() {
  const guard = { takes: true }
  const handle = toNodeHandler(createMcpHandler(() => echo(() => 'taken')))
  const http = createServer((request, response) => {
    if (guard.takes) return void handle(request, response)
    request.resume()
    response.writeHead(401).end()
  })
  const url = `${await listening(http)}/mcp`
  stops.push(async () => {
    const closed = once(http, 'close')
    http.close()
    http.closeAllConnections()
    await closed
  })
  return { url, guard }
}

const secret = 'canary-credential-of-a-test'
const kinds = {
  bearer: { kind: 'bearer', secret },
  basic: { kind: 'basic', secret: `user:${secret}` },
  header: { kind: 'header', headerName: 'x-api-key', secret },
} as const

describe('a credential that is shown as it was set', () => {
  for (const [kind, credential] of Object.entries(kinds)) {
    dbTest(`of the kind ${kind} says that it is refused, once, until it works again`, async ({ db, databaseUrl }) => {
      const { url, guard } = await guarded()
      const { serverId, agent } = await registered(db, url)
      await set(db, { serverId, ...credential })
      const at = await broker(db, databaseUrl)
      expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
      expect((await stateOf(db, serverId)).lastError).toBeNull()
      guard.takes = false
      expect((await call(db, at, { serverId, agent })).rule).toBe('credential_refused')
      const { lastError } = await stateOf(db, serverId)
      expect(lastError).toBe('The server refuses it (401).')
      expect((await call(db, at, { serverId, agent })).rule).toBe('credential_refused')
      guard.takes = true
      expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
      await until(async () => (await stateOf(db, serverId)).lastError === null)
    })
  }
})

dbTest(
  'trouble of an OAuth client is over with the next success, and its token’s end is shown',
  async ({ db, databaseUrl }) => {
    const client = { client_id: 'wheelhouse', client_secret: 'a-client-secret-that-is-long-enough' }
    const upstream = await protectedServer({
      clients: [{ ...client, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
    })
    const { serverId, agent } = await registered(db, upstream.url)
    await set(db, {
      serverId,
      kind: 'oauth_client',
      clientId: client.client_id,
      method: 'client_secret_basic',
      clientSecret: client.client_secret,
      issuer: upstream.issuer,
    })
    const at = await broker(db, databaseUrl)
    expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
    await until(async () => (await stateOf(db, serverId)).tokensExpireAt !== null)
    const { id: credentialId, tokensExpireAt } = await stateOf(db, serverId)
    expect(tokensExpireAt!.getTime()).toBeGreaterThan(Date.now())
    // A scope that it cannot get is trouble; without that need it works again.
    upstream.needs.add('mcp:never')
    expect((await call(db, at, { serverId, agent })).rule).toMatch(/credential_refused|upstream_unavailable/)
    await until(async () => (await stateOf(db, serverId)).lastError !== null)
    upstream.needs.delete('mcp:never')
    expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
    await until(async () => (await stateOf(db, serverId)).lastError === null)
    expect(credentialId).toBe((await stateOf(db, serverId)).id)
  },
)

dbTest('a success after a success writes nothing, and trouble is written when it changes', async ({ db }) => {
  const { serverId } = await registered(db, 'http://127.0.0.1:1/mcp')
  await set(db, { serverId, ...kinds.bearer })
  const { id: credentialId } = await stateOf(db, serverId)
  const log = createLog({ process: 'broker', level: 'silent' })
  let writes = 0
  const ctx = () => {
    writes += 1
    return { db, actor: systemActor('broker'), now: new Date() }
  }
  vi.useFakeTimers({ toFake: ['performance'] })
  const report = new CredentialReport({ credentialId, ctx, log })
  for (let round = 0; round < 100; round += 1) report.works()
  await report.trouble('It is refused.')
  expect(writes).toBe(2)
  const { lastErrorAt } = await stateOf(db, serverId)
  await report.trouble('It is refused.')
  expect(writes).toBe(2)
  expect((await stateOf(db, serverId)).lastErrorAt).toEqual(lastErrorAt)
  await report.trouble('Its key is gone.')
  expect((await stateOf(db, serverId)).lastError).toBe('Its key is gone.')
  report.works()
  for (let round = 0; round < 100; round += 1) report.works()
  await until(async () => (await stateOf(db, serverId)).lastError === null)
  expect(writes).toBe(4)
  // In turns: trouble is written, that it is over only after a moment.
  for (let round = 0; round < 20; round += 1) {
    await report.trouble('In turns.')
    report.works()
  }
  expect(writes).toBe(5)
  vi.advanceTimersByTime(10_000)
  report.works()
  await until(async () => (await stateOf(db, serverId)).lastError === null)
  // Trouble of a broker that is gone is over once this one looks again; what another has just now is left.
  const ago = (ms: number) => ({ db, actor: systemActor('broker'), now: new Date(Date.now() - ms) })
  await recordCredentialTrouble(ago(0), { credentialId, message: 'Just now, elsewhere.' })
  vi.advanceTimersByTime(61_000)
  report.works()
  await report.renewed(null)
  expect((await stateOf(db, serverId)).lastError).toBe('Just now, elsewhere.')
  await recordCredentialTrouble(ago(600_000), { credentialId, message: 'Long ago, elsewhere.' })
  vi.advanceTimersByTime(61_000)
  report.works()
  await report.renewed(null)
  expect((await stateOf(db, serverId)).lastError).toBeNull()
})
