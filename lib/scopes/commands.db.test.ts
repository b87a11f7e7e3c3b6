import { expect } from 'vitest'
import { inTx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { besidesTools, makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { lockAgent } from '#lib/registry/commands.ts'
import { getAgent } from '#lib/registry/queries.ts'
import {
  decideScopeRequest,
  endAllScopes,
  grantDirectly,
  requestScope,
  revokeGrant,
  withdrawScopeRequest,
} from './commands.ts'
import { getScopeRequest, listGrants, listScopeRequests } from './queries.ts'
import { decideScopeRequestInput, requestScopeInput } from './schema.ts'

const now = new Date('2026-11-22T10:00:00Z')

/** An agent, its builder, a server, and a pending request for write. */
async function pendingRequest(db: Db, days: number | null = 30) {
  const { id: agentId, teamId } = await makeAgent(db)
  const serverId = await makeServer(db)
  const builder = await makePerson(db, { roles: ['builder'], teamIds: [teamId] })
  const input = requestScopeInput.parse({ agentId, serverId, class: 'write', days, reason: 'to post corrections' })
  const outcome = await requestScope(ctxFor(db, builder, now), input)
  if (!outcome.ok) throw new Error(outcome.error.message)
  return { requestId: outcome.value.requestId, agentId, teamId, serverId, builder, input }
}

const security = (db: Db) => makePerson(db, { roles: ['security'] })
const events = async (db: Db, id: string) =>
  (await auditOf(db, id)).map(({ event, rule }) => (rule ? `${event} ${rule}` : event))

dbTest('a request that is approved gives a grant for as long as was asked, or shorter', async ({ db }) => {
  const { requestId, agentId, serverId } = await pendingRequest(db)
  const ctx = ctxFor(db, await security(db), now)
  await expect(decideScopeRequest(ctx, { requestId, decision: 'approve', days: 31 })).rejects.toMatchObject({
    code: 'invalid',
    details: { field: 'days' },
  })
  await expect(decideScopeRequest(ctx, { requestId, decision: 'approve', days: null })).rejects.toMatchObject({
    code: 'invalid',
  })
  expect((await getAgent(ctx, agentId)).access).toEqual([])
  const outcome = await decideScopeRequest(ctx, { requestId, decision: 'approve', days: 7, note: 'a week first' })
  expect(outcome).toMatchObject({ ok: true, value: { expiresAt: '2026-11-29T10:00:00.000Z' } })
  expect((await getAgent(ctx, agentId)).access).toMatchObject([
    {
      serverId,
      class: 'write',
      via: 'request',
      requestId,
      expiresAt: '2026-11-29T10:00:00.000Z',
      tools: ['change', 'look', ...besidesTools],
    },
  ])
  expect(await events(db, agentId)).toEqual(['scope_request.created', 'grant.created', 'scope_request.approved'])
  expect(await getScopeRequest(ctx, requestId)).toMatchObject({ state: 'approved', decisionNote: 'a week first' })
})

dbTest('two approvers at once: one approves, the other is told it is decided', async ({ db }) => {
  const { requestId, agentId } = await pendingRequest(db)
  const deciders = [await security(db), await security(db), await security(db)]
  const outcomes = await Promise.all(
    deciders.map((person, index) =>
      decideScopeRequest(
        ctxFor(db, person, now),
        index === 2 ? { requestId, decision: 'reject', note: 'no' } : { requestId, decision: 'approve' },
      ),
    ),
  )
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
  for (const outcome of outcomes.filter(({ ok }) => !ok)) {
    expect(outcome).toMatchObject({ error: { rule: 'scopes:already_decided' } })
  }
  expect(await db.grant.count({ where: { agentId } })).toBeLessThanOrEqual(1)
  const recorded = await events(db, agentId)
  expect(recorded.filter((event) => event === 'scope_request.refused scopes:already_decided')).toHaveLength(2)
  expect(recorded.filter((event) => /approved|rejected/.test(event))).toHaveLength(1)
})

dbTest('nobody decides their own request or for an agent they are accountable for', async ({ db }) => {
  const { requestId, agentId, teamId, builder } = await pendingRequest(db)
  const asker = { ...builder, permissions: (await security(db)).permissions }
  const approve = { requestId, decision: 'approve' as const }
  expect(await decideScopeRequest(ctxFor(db, asker, now), approve)).toMatchObject({
    error: { rule: 'scopes:own_request' },
  })
  const accountable = await makePerson(db, { roles: ['security'], teamIds: [teamId] })
  await db.agent.update({ where: { id: agentId }, data: { accountablePersonId: accountable.id } })
  const ctx = ctxFor(db, accountable, now)
  expect(await decideScopeRequest(ctx, approve)).toMatchObject({ error: { rule: 'scopes:own_agent' } })
  expect((await getScopeRequest(ctx, requestId)).decidable).toMatchObject({
    allowed: false,
    refusal: { rule: 'scopes:own_agent' },
  })
  expect(await events(db, agentId)).toEqual([
    'scope_request.created',
    'scope_request.refused scopes:own_request',
    'scope_request.refused scopes:own_agent',
  ])
  expect(await listGrants(ctx, { agentId })).toEqual([])
})

dbTest('a rejection keeps its reason, and needs one', async ({ db }) => {
  const { requestId, agentId } = await pendingRequest(db)
  const ctx = ctxFor(db, await security(db), now)
  expect(decideScopeRequestInput.safeParse({ requestId, decision: 'reject', note: ' ' }).success).toBe(false)
  expect(await decideScopeRequest(ctx, { requestId, decision: 'reject', note: 'read is enough' })).toMatchObject({
    value: { grantIds: [] },
  })
  expect(await events(db, agentId)).toContain('scope_request.rejected')
  expect(await getScopeRequest(ctx, requestId)).toMatchObject({
    state: 'rejected',
    decisionNote: 'read is enough',
    decidable: { allowed: false, refusal: { rule: 'scopes:already_decided' } },
  })
})

dbTest('the same scope is asked for once, whoever asks at once; what is held is not asked for', async ({ db }) => {
  const { agentId, serverId, builder, input } = await pendingRequest(db, null)
  const ctx = ctxFor(db, builder, now)
  expect(await requestScope(ctx, input)).toMatchObject({ error: { rule: 'scopes:already_pending' } })
  const other = { ...input, class: 'destructive' as const }
  const outcomes = await Promise.all([requestScope(ctx, other), requestScope(ctx, other)])
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
  await makeGrant(db, { agentId, serverId, class: 'destructive' })
  expect(await requestScope(ctx, { ...input, class: 'read' })).toMatchObject({ error: { rule: 'scopes:already_held' } })
  expect(await requestScope(ctx, { ...input, toolNames: ['none'] })).toMatchObject({
    error: { rule: 'scopes:tool_unknown' },
  })
  expect(await requestScope(ctx, { ...input, toolNames: ['wipe'] })).toMatchObject({
    error: { rule: 'scopes:tool_unknown' },
  })
  // What the server may ask the agent is held by a grant that names it only.
  const asks = { ...input, class: 'read' as const, toolNames: ['method:sampling/createMessage'] }
  expect(await requestScope(ctx, { ...asks, toolNames: ['method:tasks/get'] })).toMatchObject({
    error: { rule: 'scopes:tool_unknown' },
  })
  // It has no arguments, and happens within calls: limits that would hold nothing are not taken.
  const conditions = [{ pointer: '/city', equals: 'Oslo' }]
  await expect(requestScope(ctx, { ...asks, conditions })).rejects.toMatchObject({ details: { field: 'conditions' } })
  const rate = { calls: 1, per: 'hour' as const }
  await expect(requestScope(ctx, { ...asks, rate })).rejects.toMatchObject({ details: { field: 'rate' } })
  expect(await requestScope(ctx, asks)).toMatchObject({ ok: true })
  // What it offers besides tools is part of the whole server.
  expect(await requestScope(ctx, { ...asks, toolNames: ['method:resources'] })).toMatchObject({
    error: { rule: 'scopes:already_held' },
  })
  expect(await requestScope(ctx, { ...asks, class: 'write', toolNames: ['method:resources'] })).toMatchObject({
    error: { rule: 'scopes:already_held' },
  })
  await db.mcpServer.update({ where: { id: serverId }, data: { status: 'disabled' } })
  expect(await requestScope(ctx, input)).toMatchObject({ error: { rule: 'scopes:server_disabled' } })
  await expect(requestScope(ctx, { ...input, serverId: 'nowhere' })).rejects.toMatchObject({ code: 'not_found' })
  await expect(requestScope(ctx, { ...input, agentId: 'nobody' })).rejects.toMatchObject({ code: 'not_found' })
})

dbTest('only the asker takes a request back, and only while it waits', async ({ db }) => {
  const { requestId, agentId, teamId, builder } = await pendingRequest(db)
  const colleague = await makePerson(db, { teamIds: [teamId] })
  expect(await withdrawScopeRequest(ctxFor(db, colleague, now), { requestId })).toMatchObject({
    error: { rule: 'scopes:not_your_request' },
  })
  expect(await withdrawScopeRequest(ctxFor(db, builder, now), { requestId })).toMatchObject({ ok: true })
  expect(await withdrawScopeRequest(ctxFor(db, builder, now), { requestId })).toMatchObject({
    error: { rule: 'scopes:already_decided' },
  })
  expect(await events(db, agentId)).toContain('scope_request.withdrawn')
})

dbTest('a revoked grant is out of force at once; of two who revoke, one does', async ({ db }) => {
  const { agentId, serverId, builder } = await pendingRequest(db)
  const grantId = await makeGrant(db, { agentId, serverId })
  const people = [await security(db), builder]
  const outcomes = await Promise.all(
    people.map((person) => revokeGrant(ctxFor(db, person, now), { grantId, reason: 'not needed' })),
  )
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
  const ctx = ctxFor(db, builder, now)
  expect(await listGrants(ctx, { agentId })).toEqual([])
  expect(await listGrants(ctx, { agentId, history: true })).toMatchObject([{ id: grantId, state: 'revoked' }])
  expect((await events(db, agentId)).filter((event) => event === 'grant.revoked')).toHaveLength(1)
})

dbTest('what lifecycle grants and ends commits with its transaction or not at all', async ({ db }) => {
  const { agentId, serverId, requestId } = await pendingRequest(db)
  const ctx = ctxFor(db, undefined, now)
  const scope = { serverId, class: 'read' as const, toolName: null, reason: 'pre-approved', expiresAt: null }
  const grant = (fail: boolean) =>
    inTx(ctx, async (tx, ctx) => {
      await grantDirectly(ctx, { agent: await lockAgent(tx, agentId), scope, via: 'template' })
      if (fail) throw new Error('undo')
    })
  await expect(grant(true)).rejects.toThrow('undo')
  expect(await listGrants(ctx, { agentId })).toEqual([])
  await grant(false)
  expect(await listGrants(ctx, { agentId })).toMatchObject([{ serverId, class: 'read', via: 'template' }])
  const ended = await inTx(ctx, async (tx, ctx) =>
    endAllScopes(ctx, { agent: await lockAgent(tx, agentId), reason: 'it is over' }),
  )
  expect(ended).toEqual({ grantsRevoked: 1 })
  expect(await listGrants(ctx, { agentId })).toEqual([])
  expect(await getScopeRequest(ctx, requestId)).toMatchObject({ state: 'withdrawn', decisionNote: 'it is over' })
  expect(await events(db, agentId)).toEqual([
    'scope_request.created',
    'grant.created',
    'grant.revoked',
    'scope_request.withdrawn',
  ])
})

dbTest('the detail shows what is held, newly reached, what peers hold and what was denied', async ({ db }) => {
  const { requestId, agentId, serverId } = await pendingRequest(db)
  await makeGrant(db, { agentId, serverId, class: 'read' })
  const peer = await makeAgent(db)
  await makeGrant(db, { agentId: peer.id, serverId, class: 'destructive' })
  const detail = await getScopeRequest(ctxFor(db, await security(db), now), requestId)
  expect(detail.holds).toMatchObject([{ serverId, class: 'read' }])
  expect(detail.reaches).toMatchObject([{ name: 'change', class: 'write' }])
  expect(detail.peers).toMatchObject({ templateId: 'test-template', holding: 1, examples: [{ id: peer.id }] })
  expect(detail).toMatchObject({ denials30d: 0, decidable: { allowed: true } })
  await expect(getScopeRequest(ctxFor(db), 'not-a-uuid')).rejects.toMatchObject({ code: 'not_found' })
})

dbTest('the queue is oldest first and pages without losing one', async ({ db }) => {
  const { agentId, serverId, builder, requestId } = await pendingRequest(db)
  for (const [index, scope] of (['read', 'destructive'] as const).entries()) {
    const ctx = ctxFor(db, builder, new Date(now.getTime() + index + 1))
    await requestScope(ctx, { agentId, serverId, class: scope, toolNames: [], days: null, reason: 'for the queue' })
  }
  const ctx = ctxFor(db, await security(db), now)
  const first = await listScopeRequests(ctx, { state: 'pending', agentId, limit: 2 })
  expect(first.items.map((row) => row.class)).toEqual(['write', 'read'])
  expect(first).toMatchObject({ total: 3 })
  const second = await listScopeRequests(ctx, { state: 'pending', agentId, limit: 2, cursor: first.nextCursor! })
  expect(second.items.map((row) => row.class)).toEqual(['destructive'])
  expect(second.nextCursor).toBeNull()
  expect((await listScopeRequests(ctx, { agentId })).items.at(-1)?.id).toBe(requestId)
  // The last one of a page is decided before the next page is asked for.
  await db.scopeRequest.update({ where: { id: first.nextCursor! }, data: { state: 'withdrawn' } })
  const after = await listScopeRequests(ctx, { state: 'pending', agentId, limit: 2, cursor: first.nextCursor! })
  expect(after.items.map((row) => row.class)).toEqual(['destructive'])
  await expect(listScopeRequests(ctx, { cursor: "x'" })).rejects.toMatchObject({ code: 'invalid' })
})

dbTest('each command refuses who lacks its permission or is of another team', async ({ db }) => {
  const { requestId, agentId, serverId, builder, input } = await pendingRequest(db)
  const grantId = await makeGrant(db, { agentId, serverId })
  const finance = ctxFor(db, await makePerson(db, { roles: ['finance'] }), now)
  const stranger = ctxFor(db, await makePerson(db, { roles: ['builder'] }), now)
  const nobody = ctxFor(db, await makePerson(db, { roles: [] }), now)
  const attempts = [
    () => requestScope(finance, input),
    () => requestScope(stranger, input),
    () => withdrawScopeRequest(finance, { requestId }),
    () => decideScopeRequest(ctxFor(db, builder, now), { requestId, decision: 'approve' }),
    () => revokeGrant(finance, { grantId, reason: 'x' }),
    () => revokeGrant(stranger, { grantId, reason: 'x' }),
    () => listScopeRequests(nobody),
    () => listGrants(nobody, { agentId }),
  ]
  for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: 'forbidden' })
})

dbTest(
  'conditions and a rate go from the request to the grant, and an approver may narrow them, never widen',
  async ({ db }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const serverId = await makeServer(db)
    const builder = ctxFor(db, await makePerson(db, { roles: ['builder'], teamIds: [teamId] }), now)
    const eur = { pointer: '/currency', equals: 'EUR' }
    const small = { pointer: '/amount', range: { max: 100 } }
    const scope = { agentId, serverId, class: 'write', reason: 'to post corrections', conditions: [eur] } as const
    const asked = { ...requestScopeInput.parse(scope), rate: { calls: 10, per: 'minute' as const } }
    await expect(
      requestScope(builder, { ...asked, conditions: [{ pointer: '/a', regex: '(?=x)' }] }),
    ).rejects.toMatchObject({ code: 'invalid', details: { field: 'conditions.0' } })
    const outcome = await requestScope(builder, asked)
    if (!outcome.ok) throw new Error(outcome.error.message)
    expect(await requestScope(builder, asked)).toMatchObject({ error: { rule: 'scopes:already_pending' } })
    const { requestId } = outcome.value
    const ctx = ctxFor(db, await security(db), now)
    const approve = { requestId, decision: 'approve' } as const
    for (const wider of [{ conditions: [small] }, { rate: { calls: 11, per: 'minute' as const } }]) {
      await expect(decideScopeRequest(ctx, { ...approve, ...wider })).rejects.toMatchObject({
        code: 'invalid',
        details: { rule: 'scopes:wider_than_asked', field: Object.keys(wider)[0] },
      })
    }
    const rate = { calls: 5, per: 'minute' } as const
    expect((await decideScopeRequest(ctx, { ...approve, conditions: [eur, small], rate })).ok).toBe(true)
    expect(await listGrants(ctx, { agentId })).toMatchObject([{ conditions: [eur, small], rate }])
    const limits = ['/currency is "EUR"', '/amount is at most 100', 'at most 5 calls a minute']
    expect(await auditOf(db, agentId)).toContainEqual(
      expect.objectContaining({ event: 'grant.created', detail: expect.objectContaining({ limits }) as unknown }),
    )
    // A narrowed grant is not the whole scope, so that can still be asked for.
    expect((await requestScope(builder, { ...asked, conditions: [], rate: null })).ok).toBe(true)
  },
)
