import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished } from 'vitest'
import {
  beginIdempotent,
  type Claim,
  forgetIdempotentRequests,
  forgetUnwritten,
  keepAnswer,
  writeUnderClaim,
} from '#lib/auth/commands/idempotency.ts'
import { inTx } from '#lib/auth/ctx.ts'
import { permissions as allPermissions, roles } from '#lib/auth/permissions.ts'
import { allRoutes, makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { createClient } from './cli/client.ts'
import { routes } from './routes.ts'
import { auditOf, ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'

const test = dbTest
  .extend('portal', { scope: 'file' }, ({ database }) =>
    openApiPortal(database, { WHEELHOUSE_WEBHOOK_PRIVATE_HOSTS: '127.0.0.1' }),
  )
  .extend('team', { scope: 'file' }, ({ db }) => makeTeam(db))
  .extend('person', { scope: 'file' }, ({ db, team }) => makePerson(db, { roles, teamIds: [team] }))
  .extend('token', { scope: 'file' }, ({ db, person }) =>
    makeToken(db, { personId: person.id, permissions: allPermissions }),
  )
  .extend('post', { scope: 'file' }, ({ portal, token }) => {
    return async (path: string, options: { key?: string; body?: unknown; token?: string } = {}) => {
      const { key, body } = options
      const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key }
      const sent = { method: 'POST', headers, token: options.token ?? token, ...(body === undefined ? {} : { body }) }
      const response = await portal.fetch(`/api/v1${path}`, sent)
      const text = await response.text()
      return {
        status: response.status,
        replayed: response.headers.get('idempotency-replayed'),
        retryAfter: response.headers.get('retry-after'),
        json: (text ? JSON.parse(text) : null) as Record<string, unknown>,
      }
    }
  })

describe('a request with an idempotency key', () => {
  test('is executed once, and asked again gets the same answer, marked', async ({ db, post, team }) => {
    const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
    const sent = { key: `"${randomUUID()}"`, body: { agentId } }
    const first = await post('/runs', sent)
    expect(first).toMatchObject({ status: 201, replayed: null })
    const again = await post('/runs', sent)
    expect(again).toEqual({ ...first, replayed: 'true' })
    expect(await db.run.count({ where: { agentId } })).toBe(1)
    // The quotes of RFC 9651 are no part of the key.
    expect(await post('/runs', { ...sent, key: sent.key.slice(1, -1) })).toMatchObject({ replayed: 'true' })
    expect(await post('/runs', { body: { agentId } })).toMatchObject({ status: 201, replayed: null })
  })

  test('two at once are executed once', async ({ db, post, team }) => {
    const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
    const sent = { key: randomUUID(), body: { agentId } }
    const answers = await Promise.all([post('/runs', sent), post('/runs', sent), post('/runs', sent)])
    expect(answers.filter(({ status, replayed }) => status === 201 && !replayed)).toHaveLength(1)
    for (const other of answers.filter(({ status }) => status !== 201)) {
      expect(other).toMatchObject({ status: 409, retryAfter: '1', json: { rule: 'idempotency:running' } })
    }
    expect(await post('/runs', sent)).toMatchObject({ status: 201, replayed: 'true' })
    expect(await db.run.count({ where: { agentId } })).toBe(1)
  })

  test('cannot stand for another request, nor be anything', async ({ db, post, team }) => {
    const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
    const key = randomUUID()
    await post('/runs', { key, body: { agentId } })
    const refused = { status: 422, json: { rule: 'idempotency:other_request' } }
    expect(await post('/runs', { key, body: { agentId, input: 'Another thing.' } })).toMatchObject(refused)
    expect(await post(`/agents/${agentId}/review`, { key })).toMatchObject(refused)
    for (const wrong of ['', 'a'.repeat(256), 'a b', '"a'])
      expect(await post('/runs', { key: wrong, body: { agentId } })).toMatchObject({
        status: 422,
        json: { errors: { 'Idempotency-Key': [expect.any(String)] } },
      })
    expect(await db.run.count({ where: { agentId } })).toBe(1)
  })

  test('is for one token: another one of the same person is not shown the answer', async ({
    db,
    post,
    person,
    team,
  }) => {
    const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
    const sent = { key: randomUUID(), body: { agentId } }
    await post('/runs', sent)
    const other = await makeToken(db, { personId: person.id, permissions: ['agents:read'] })
    expect(await post('/runs', { ...sent, token: other })).toMatchObject({ status: 403, replayed: null })
  })

  test('a refusal that is on record is repeated, and one that wrote nothing may be tried again', async ({
    db,
    post,
    team,
  }) => {
    const { id: agentId } = await makeAgent(db, { ownerTeamId: team, status: 'suspended' })
    const sent = { key: randomUUID(), body: { agentId } }
    const refused = await post('/runs', sent)
    expect(refused).toMatchObject({ status: 409, json: { rule: 'agent_not_active' } })
    await db.agent.update({ where: { id: agentId }, data: { status: 'active' } })
    expect(await post('/runs', sent)).toEqual({ ...refused, replayed: 'true' })
    expect(await db.run.count({ where: { agentId } })).toBe(1)

    const later = `agent-${randomUUID().slice(0, 8)}`
    const review = { key: randomUUID() }
    expect(await post(`/agents/${later}/review`, review)).toMatchObject({ status: 404 })
    await makeAgent(db, { id: later, ownerTeamId: team })
    expect(await post(`/agents/${later}/review`, review)).toMatchObject({ status: 200, replayed: null })
  })

  test('a secret is told once and stored nowhere', async ({ db, post }) => {
    const sent = { key: randomUUID(), body: { name: 'once', permissions: ['agents:read'], days: 1 } }
    const first = await post('/tokens', sent)
    expect(first.json['token']).toMatch(/^wh_pat_/)
    const { tokenId } = first.json
    expect(await post('/tokens', sent)).toMatchObject({
      status: 409,
      json: { rule: 'idempotency:secret_told_once', made: { tokenId } },
    })
    const kept = JSON.stringify(await db.idempotentRequest.findMany())
    expect(kept).toContain(String(tokenId))
    expect(kept).not.toContain('wh_pat_')
    expect(await db.accessToken.count({ where: { name: 'once' } })).toBe(1)
  })

  test('every answer that holds a secret says so in its contract', () => {
    const telling = allRoutes.filter(({ answer }) => {
      const shape = (answer.schema as { shape?: Record<string, unknown> } | null)?.shape ?? {}
      return Object.keys(shape).some((name) => /^(token|secret|clientSecret)$/.test(name))
    })
    expect(telling.length).toBe(4)
    expect(telling.filter(({ secret }) => !secret)).toEqual([])
  })
})

describe('after a crash', () => {
  const longAgo = () => new Date(Date.now() - 5 * 60_000)

  /** What the API would have noted of a request, had its process died. */
  async function died({ db, key, agentId }: { db: Parameters<typeof ctxFor>[0]; key: string; agentId: string }) {
    const token = await db.accessToken.findFirstOrThrow({ where: { name: 'test' }, orderBy: { createdAt: 'asc' } })
    await db.idempotentRequest.update({
      where: { caller_key: { caller: `token:${token.id}`, key } },
      data: { state: 'running', status: null, body: null, startedAt: longAgo() },
    })
    await db.run.deleteMany({ where: { agentId } })
  }

  test('before anything was written it is executed anew, and the dead one cannot write any more', async ({
    db,
    post,
    team,
  }) => {
    const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
    const sent = { key: randomUUID(), body: { agentId } }
    await post('/runs', sent)
    await died({ db, key: sent.key, agentId })
    expect(await post('/runs', sent)).toMatchObject({ status: 201, replayed: null })
    expect(await db.run.count({ where: { agentId } })).toBe(1)

    const request = { caller: 'person:1', key: 'k', fingerprint: 'f' }
    const slow = await claimed(beginIdempotent({ ...ctxFor(db), now: longAgo() }, request))
    const next = await claimed(beginIdempotent(ctxFor(db), request))
    const write = (claim: Claim) => inTx(ctxFor(db), (tx) => writeUnderClaim(tx, claim))
    await expect(write(slow)).rejects.toMatchObject({ code: 'conflict', details: { rule: 'idempotency:taken_over' } })
    await write(next)
    expect(await forgetUnwritten(db, next)).toBe(false)
    await expect(beginIdempotent(ctxFor(db), request)).rejects.toMatchObject({
      details: { rule: 'idempotency:running' },
    })
  })

  test('after it was written it is not executed again, whoever asks', async ({ db, post, team }) => {
    const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
    const sent = { key: randomUUID(), body: { agentId } }
    await post('/runs', sent)
    await db.idempotentRequest.updateMany({
      where: { key: sent.key },
      data: { state: 'committed', startedAt: longAgo() },
    })
    expect(await post('/runs', sent)).toMatchObject({ status: 409, json: { rule: 'idempotency:answer_lost' } })
    expect(await db.run.count({ where: { agentId } })).toBe(1)
  })

  test('what was written under a key commits with its note or not at all', async ({ db }) => {
    const request = { caller: 'person:2', key: 'k', fingerprint: 'f' }
    const claim = await claimed(beginIdempotent(ctxFor(db), request))
    const undone = inTx(ctxFor(db), async (tx) => {
      await writeUnderClaim(tx, claim)
      throw new Error('the process died')
    })
    await expect(undone).rejects.toThrow('died')
    expect(await forgetUnwritten(db, claim)).toBe(true)
    expect(await claimed(beginIdempotent(ctxFor(db), request))).toMatchObject({ attempt: 1 })
  })

  async function claimed(begun: ReturnType<typeof beginIdempotent>): Promise<Claim> {
    const outcome = await begun
    if ('claim' in outcome) return outcome.claim
    throw new Error('answered before')
  }
})

test('the command line sends again what broke off, and it is done once', async ({ db, portal, token, team }) => {
  const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
  const { url, close } = await portal.listen()
  onTestFinished(close)
  const keys: unknown[] = []
  // Passes the first request on, and breaks the connection instead of passing its answer back.
  const line = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      keys.push(incoming.headers['idempotency-key'])
      const headers = incoming.headers as Record<string, string>
      const passed = fetch(`${url}${incoming.url}`, { method: 'POST', headers, body: Buffer.concat(chunks) })
      void passed.then(async (response) => {
        const text = await response.text()
        if (keys.length === 1) return incoming.socket.destroy()
        return outgoing.writeHead(response.status, { 'content-type': 'application/json' }).end(text)
      })
    })
  })
  await new Promise<void>((resolve) => line.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void line.close())
  const client = createClient({ url: `http://127.0.0.1:${(line.address() as AddressInfo).port}`, token })
  const { runId } = await client.call(routes.runs.start, { body: { agentId } })
  expect(await db.run.findMany({ where: { agentId }, select: { id: true } })).toEqual([{ id: runId }])
  expect(keys).toHaveLength(2)
  expect(new Set(keys).size).toBe(1)
})

test('a key is kept for a day, then it is new', async ({ db, post, team }) => {
  const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
  const sent = { key: randomUUID() }
  await post(`/agents/${agentId}/review`, sent)
  const tomorrow = new Date(Date.now() + 24 * 60 * 60_000 + 1000)
  expect(await forgetIdempotentRequests(db, new Date())).toBe(0)
  const request = { caller: 'person:3', key: 'k', fingerprint: 'f' }
  const begun = await beginIdempotent(ctxFor(db), request)
  if ('claim' in begun) await keepAnswer(db, begun.claim, { status: 204, contentType: null, body: '', withheld: false })
  expect(await beginIdempotent(ctxFor(db), request)).toMatchObject({ answer: { status: 204 } })
  const other = { ...request, fingerprint: 'g' }
  expect(await beginIdempotent({ ...ctxFor(db), now: tomorrow }, other)).toMatchObject({ claim: { attempt: 2 } })
  expect(await forgetIdempotentRequests(db, tomorrow)).toBeGreaterThan(0)
  expect(await post(`/agents/${agentId}/review`, sent)).toMatchObject({ status: 200, replayed: null })
  expect((await auditOf(db, agentId)).filter(({ event }) => event === 'agent.reviewed')).toHaveLength(2)
})
