import { describe, expect } from 'vitest'
import { permissions as allPermissions, type Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { type CallOptions, makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer, makeTemplate } from '#lib/dev/test/registry.ts'

const apiTest = dbTest.extend('portal', { scope: 'file' }, async ({ database }) => {
  const scope = {
    server: 'some-server',
    class: 'read',
    required: false,
    approval: 'request',
    reason: 'For tests.',
  } as const
  await makeTemplate(database.db, { id: 'test-template', scopes: [scope] })
  return await openApiPortal(database)
})
type Portal = Awaited<ReturnType<typeof openApiPortal>>

/** Somebody with these roles, as a way to call the API. */
async function someone(db: Db, portal: Portal, options: { roles: Role[]; teamIds?: string[] }) {
  const person = await makePerson(db, options)
  const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
  const call = async (path: string, request: Omit<CallOptions, 'token'> = {}) => {
    const response = await portal.fetch(`/api/v1${path}`, { ...request, token })
    const text = await response.text()
    return { status: response.status, body: (text ? JSON.parse(text) : null) as Record<string, unknown> }
  }
  return { person, get: call, post: (path: string, body?: unknown) => call(path, { method: 'POST', body: body ?? {} }) }
}

describe('runs', () => {
  apiTest('are started, read and stopped, each with its words', async ({ db, portal }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const { get, post } = await someone(db, portal, { roles: ['builder'], teamIds: [teamId] })
    const started = await post('/runs', { agentId, input: 'Reconcile June.' })
    expect(started.status).toBe(201)
    const runId = String(started.body['runId'])
    const run = await get(`/runs/${runId}`)
    expect(run.body).toMatchObject({ state: 'queued', trigger: 'api', input: 'Reconcile June.', costMicros: '0' })
    expect((await get(`/runs?agent=${agentId}&open=true`)).body).toMatchObject({ total: 1, items: [{ id: runId }] })

    await db.runEvent.create({
      data: { runId, seq: 1, at: new Date(), kind: 'note', payload: { text: 'first' }, claudeEventId: null },
    })
    expect((await get(`/runs/${runId}/events?after=0`)).body).toMatchObject({ items: [{ seq: 1, kind: 'note' }] })
    expect((await get(`/runs/${runId}/events?after=1`)).body).toMatchObject({ items: [] })

    expect((await post(`/runs/${runId}/stop`, { reason: 'enough' })).body).toEqual({ runId })
    expect(await post(`/runs/${runId}/stop`, { reason: 'enough' })).toMatchObject({
      status: 409,
      body: { rule: 'run:not_open', detail: expect.stringContaining('already') },
    })
  })

  apiTest('that the launch gate refuses name the rule', async ({ db, portal }) => {
    const { id: agentId, teamId } = await makeAgent(db, { status: 'suspended' })
    const { post } = await someone(db, portal, { roles: ['builder'], teamIds: [teamId] })
    const refused = await post('/runs', { agentId })
    expect(refused).toMatchObject({ status: 409, body: { rule: 'agent_not_active', runId: expect.any(String) } })
    expect(await post('/runs', { agentId: 'nobody' })).toMatchObject({ status: 409, body: { rule: 'agent_unknown' } })
    expect((await auditOf(db, agentId)).map(({ event }) => event)).toContain('run.refused')
  })

  apiTest('cannot claim a trigger that they do not have', async ({ db, portal }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const { post } = await someone(db, portal, { roles: ['builder'], teamIds: [teamId] })
    expect((await post('/runs', { agentId, trigger: 'schedule' })).status).toBe(422)
  })
})

describe('scopes', () => {
  apiTest('are asked for, decided by somebody else, used and revoked', async ({ db, portal }) => {
    const serverId = await makeServer(db)
    const { id: agentId, teamId } = await makeAgent(db)
    const builder = await someone(db, portal, { roles: ['builder'], teamIds: [teamId] })
    const security = await someone(db, portal, { roles: ['security'] })
    const wish = { agentId, serverId, class: 'write', days: 30, reason: 'Post corrections.' }
    const asked = await builder.post('/scope-requests', wish)
    expect(asked.status).toBe(201)
    expect(await builder.post('/scope-requests', wish)).toMatchObject({ body: { rule: 'scopes:already_pending' } })
    const path = `/scope-requests/${String(asked.body['requestId'])}`
    expect((await security.get('/scope-requests?state=pending')).body).toMatchObject({ total: 1 })
    expect((await security.get(path)).body).toMatchObject({ decidable: { allowed: true }, days: 30 })

    const own = await builder.post(`${path}/decide`, { decision: 'approve' })
    expect(own).toMatchObject({ status: 403, body: { rule: 'permission:scopes:approve' } })
    expect((await security.post(`${path}/decide`, { decision: 'reject' })).status).toBe(422)
    const approved = await security.post(`${path}/decide`, { decision: 'approve', days: 7 })
    expect(approved.body).toMatchObject({ grantIds: [expect.any(String)], expiresAt: expect.any(String) })
    const late = await security.post(`${path}/decide`, { decision: 'reject', note: 'too late' })
    expect(late).toMatchObject({ status: 409, body: { rule: 'scopes:already_decided' } })

    const { body: grants } = await builder.get(`/grants?agentId=${agentId}`)
    expect(grants).toMatchObject({
      items: [{ class: 'write', state: 'in_force', tools: expect.arrayContaining(['change', 'look']) }],
    })
    const revoke = `/grants/${String((approved.body['grantIds'] as string[])[0])}/revoke`
    expect((await security.post(revoke, { reason: 'not used' })).status).toBe(204)
    expect(await security.post(revoke, { reason: 'again' })).toMatchObject({ body: { rule: 'scopes:already_revoked' } })
    expect((await builder.get(`/grants?agentId=${agentId}`)).body).toMatchObject({ items: [] })
    const { body: history } = await builder.get(`/grants?agentId=${agentId}&history=true`)
    expect(history).toMatchObject({ items: [{ state: 'revoked' }] })
  })

  apiTest('that nobody has decided can be taken back by who asked', async ({ db, portal }) => {
    const serverId = await makeServer(db)
    const { id: agentId, teamId } = await makeAgent(db)
    const [one, other] = [
      await someone(db, portal, { roles: ['builder'], teamIds: [teamId] }),
      await someone(db, portal, { roles: ['builder'], teamIds: [teamId] }),
    ]
    const wish = { agentId, serverId, class: 'read', reason: 'Read them.' }
    const { body } = await one.post('/scope-requests', wish)
    const path = `/scope-requests/${String(body['requestId'])}/withdraw`
    expect(await other.post(path)).toMatchObject({ status: 409, body: { rule: 'scopes:not_your_request' } })
    expect((await one.post(path)).status).toBe(204)
  })
})

describe('the kill switch', () => {
  apiTest('shows what it would stop, stops it once, and releases it once', async ({ db, portal }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const builder = await someone(db, portal, { roles: ['builder'], teamIds: [teamId] })
    const onCall = await someone(db, portal, { roles: ['on_call'] })
    const run = await builder.post('/runs', { agentId })
    const radius = await onCall.get(`/kill/blast-radius?scope=agent&targetId=${agentId}`)
    expect(radius.body).toMatchObject({ agents: { total: 1 }, openRuns: { total: 1 }, stopsRuns: true })

    const order = { scope: 'agent', targetId: agentId, reason: 'It posts to the wrong ledger.' }
    expect((await builder.post('/kill', order)).status).toBe(403)
    const ordered = await onCall.post('/kill', order)
    expect(ordered).toMatchObject({ status: 201, body: { orderId: expect.any(String), runs: 1 } })
    const again = await onCall.post('/kill', order)
    expect(again).toMatchObject({
      status: 409,
      body: { rule: 'stop:already_ordered', orderId: ordered.body['orderId'] },
    })
    expect(again.body['detail']).toContain(onCall.person.name)
    expect((await builder.get(`/runs/${String(run.body['runId'])}`)).body).toMatchObject({ state: 'stopping' })
    expect(await builder.post('/runs', { agentId })).toMatchObject({ status: 409, body: { rule: 'killed' } })
    expect((await builder.get('/kill?open=true')).body).toMatchObject({ items: [{ targetId: agentId, openRuns: 1 }] })

    const release = `/kill/${String(ordered.body['orderId'])}/release`
    expect((await onCall.post(release, { reason: 'fixed' })).status).toBe(200)
    expect(await onCall.post(release, { reason: 'fixed' })).toMatchObject({ body: { rule: 'stop:already_released' } })
    expect((await builder.post('/runs', { agentId })).status).toBe(201)
    expect((await auditOf(db, agentId)).map(({ event }) => event)).toEqual(
      expect.arrayContaining(['stop.ordered', 'stop.released']),
    )
  })

  apiTest('refuses a target that does not exist, and a stop without a reason', async ({ db, portal }) => {
    const onCall = await someone(db, portal, { roles: ['on_call'] })
    const misspelt = await onCall.post('/kill', { scope: 'agent', targetId: 'invocie', reason: 'to be tested' })
    expect(misspelt).toMatchObject({ status: 404 })
    const silent = await onCall.post('/kill', { scope: 'organization', reason: '' })
    expect(silent).toMatchObject({ status: 422, body: { errors: { reason: [expect.any(String)] } } })
  })
})

describe('what there is', () => {
  apiTest('servers, teams, people, fleet and audit are read as the pages read them', async ({ db, portal }) => {
    const serverId = await makeServer(db, { environment: 'production' })
    const { id: agentId, teamId } = await makeAgent(db)
    await makeGrant(db, { agentId, serverId, class: 'write' })
    const security = await someone(db, portal, { roles: ['security'] })
    expect((await security.get(`/servers/${serverId}`)).body).toMatchObject({
      holders: [{ agent: { id: agentId }, class: 'write' }],
    })
    expect((await security.get('/servers')).body['items']).toContainEqual(expect.objectContaining({ id: serverId }))
    expect((await security.get('/teams')).body['items']).toContainEqual(expect.objectContaining({ id: teamId }))
    const search = `/people?search=${encodeURIComponent(security.person.name)}&active=true`
    expect((await security.get(search)).body).toMatchObject({ items: [{ id: security.person.id }] })
    expect((await security.get('/fleet?days=7')).body).toMatchObject({ days: 7, totals: { costMicros: '0' } })
    expect((await security.get('/fleet/candidates?minRuns=5')).body).toMatchObject({ thresholds: { minRuns: 5 } })
    expect((await security.get(`/agents/${agentId}/metrics?days=7`)).body).toMatchObject({ agentId, days: 7 })
    const { body: audit } = await security.get('/audit?event=stop.ordered&limit=1')
    expect(audit).toMatchObject({ items: [{ event: 'stop.ordered', seq: expect.stringMatching(/^\d+$/) }] })
  })
})

describe('the live run log', () => {
  apiTest('streams what is there and ends with the run', async ({ db, portal }) => {
    const { id: agentId } = await makeAgent(db)
    const person = await makePerson(db)
    const token = await makeToken(db, { personId: person.id, permissions: ['runs:read'] })
    const run = await db.run.create({
      data: { agentId, agentVersion: 1, trigger: 'manual', state: 'succeeded', input: 'Begin.', simulated: true },
    })
    await db.runEvent.create({
      data: { runId: run.id, seq: 1, at: new Date(), kind: 'note', payload: { text: 'first' } },
    })
    const response = await portal.fetch(`/api/v1/runs/${run.id}/stream`, { token })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const text = await response.text()
    expect(text).toMatch(/id: 1\nevent: log\n[^]*event: run\n[^]*event: end\ndata: {"state":"succeeded"}/)
  })
})

describe('break-glass', () => {
  apiTest('is taken, listed and reviewed by another', async ({ db, portal }) => {
    const { id: agentId } = await makeAgent(db)
    const serverId = await makeServer(db)
    const onCall = await someone(db, portal, { roles: ['on_call'] })
    const security = await someone(db, portal, { roles: ['security'] })
    const body = { serverId, class: 'write', minutes: 30, reason: 'Postings of today must be reversed at once.' }
    const taken = await onCall.post(`/agents/${agentId}/break-glass`, body)
    expect(taken.status).toBe(201)
    const grantId = String(taken.body['grantId'])
    expect(await security.post(`/agents/${agentId}/break-glass`, body)).toMatchObject({
      status: 403,
      body: { rule: 'permission:grants:break_glass' },
    })
    expect((await onCall.post(`/agents/${agentId}/break-glass`, { ...body, minutes: 600 })).status).toBe(422)
    const open = await security.get('/break-glass?state=in_force')
    expect(open.body['items']).toContainEqual(expect.objectContaining({ grantId, reviewable: { allowed: true } }))
    const verdict = { verdict: 'justified', note: 'It was on fire.' }
    expect((await onCall.post(`/break-glass/${grantId}/review`, verdict)).status).toBe(403)
    expect((await security.post(`/break-glass/${grantId}/review`, verdict)).status).toBe(204)
    expect(await security.post(`/break-glass/${grantId}/review`, verdict)).toMatchObject({
      status: 409,
      body: { rule: 'scopes:already_reviewed' },
    })
  })
})
