import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { permissions as allPermissions, roles } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { allRoutes, makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { auditOf, ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer, makeTemplate } from '#lib/dev/test/registry.ts'
import { startCli } from '#lib/dev/test/run-cli.ts'
import { enforcePolicies, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { holdCall, startPolicyReplay } from '#lib/guardrails/commands.ts'
import { setSchedule } from '#lib/lifecycle/commands.ts'
import { agentRevision } from '#lib/registry/queries/revisions.ts'
import { unchangedSince } from '#lib/web/conditional.ts'
import type { Revised } from './endpoint.ts'

type Options = { method?: string; body?: unknown; headers?: Record<string, string> }

const test = dbTest
  .extend('portal', { scope: 'file' }, ({ database }) =>
    openApiPortal(database, { WHEELHOUSE_WEBHOOK_PRIVATE_HOSTS: '127.0.0.1' }),
  )
  .extend('team', { scope: 'file' }, async ({ db }) => {
    const scope = { server: 'erp', class: 'read', required: false, approval: 'request', reason: 'For tests.' } as const
    await makeTemplate(db, { id: 'test-template', scopes: [scope] })
    await makeServer(db, { id: 'erp', tools: { pay: { class: 'write', state: 'quarantined' } } })
    return await makeTeam(db)
  })
  .extend('ask', { scope: 'file' }, async ({ db, portal, team }) => {
    const person = await makePerson(db, { roles, teamIds: [team] })
    const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
    return (path: string, options: Options = {}) => portal.fetch(`/api/v1${path}`, { ...options, token })
  })

const etagOf = (response: Response) => response.headers.get('etag') ?? ''

test('a read carries a strong entity tag that is the same until the answer changes, and answers 304', async ({
  db,
  ask,
  team,
}) => {
  const { id } = await makeAgent(db, { ownerTeamId: team })
  const path = `/agents/${id}`
  const first = etagOf(await ask(path))
  expect(first).toMatch(/^"[0-9a-f]{24}\.[0-9a-f]{24}"$/)
  const again = await ask(path, { headers: { 'if-none-match': `"other", W/${first}` } })
  expect({ status: again.status, etag: etagOf(again), text: await again.text() }).toEqual({
    status: 304,
    etag: first,
    text: '',
  })
  const head = await ask(path, { method: 'HEAD' })
  expect({ status: head.status, etag: etagOf(head), text: await head.text() }).toEqual({
    status: 200,
    etag: first,
    text: '',
  })
  await db.agentDay.create({ data: { agentId: id, day: new Date(), runs: 3 } })
  const measured = await ask(path, { headers: { 'if-none-match': first } })
  expect(measured.status).toBe(200)
  expect(etagOf(measured).split('.')[0]).toBe(first.split('.')[0])
  const then = etagOf(await ask(`${path}?asOf=${new Date().toISOString()}`))
  const past = { method: 'POST', headers: { 'if-match': then } }
  expect((await ask(`${path}/review`, past)).status).toBe(412)
  await ask(path, { method: 'PATCH', body: { purpose: 'to be read anew' } })
  expect(etagOf(await ask(path)).split('.')[0]).not.toBe(first.split('.')[0])
  expect(etagOf(await ask('/teams'))).toMatch(/^"[0-9a-f]{24}"$/)
})

test('two writers who have read the same: one writes, the other is told and nothing of it is written', async ({
  db,
  ask,
  team,
}) => {
  const { id } = await makeAgent(db, { ownerTeamId: team })
  const path = `/agents/${id}`
  const headers = { 'if-match': etagOf(await ask(path)) }
  const patch = (purpose: string) => ask(path, { method: 'PATCH', body: { purpose }, headers })
  const [one, other] = await Promise.all([patch('the first purpose'), patch('the second purpose')])
  expect([one.status, other.status].toSorted((a, b) => a - b)).toEqual([200, 412])
  const [won, lost] = one.status === 200 ? [one, other] : [other, one]
  expect(await lost.json()).toMatchObject({
    type: 'urn:wheelhouse:problem:precondition_failed',
    rule: 'api:if_match',
    detail: expect.stringContaining('Someone else changed this'),
  })
  const { purpose } = (await won.json()) as { purpose: string }
  expect(await (await ask(path)).json()).toMatchObject({ purpose })
  expect((await auditOf(db, id)).filter(({ event }) => event === 'agent.updated')).toHaveLength(1)
})

test('runs and costs that come in meanwhile do not stop a write', async ({ db, ask, team }) => {
  const { id } = await makeAgent(db, { ownerTeamId: team })
  const headers = { 'if-match': etagOf(await ask(`/agents/${id}`)) }
  await db.agentDay.create({ data: { agentId: id, day: new Date(), runs: 3 } })
  expect((await ask(`/agents/${id}/review`, { method: 'POST', headers })).status).toBe(200)
  expect((await ask(`/agents/${id}/review`, { method: 'POST', headers })).status).toBe(412)
  expect((await ask(`/agents/${id}/review`, { method: 'POST', headers: { 'if-match': '*' } })).status).toBe(200)
})

test('a wrong header is refused, and one where nothing can be compared is not passed over', async ({
  db,
  ask,
  team,
}) => {
  const { id } = await makeAgent(db, { ownerTeamId: team })
  const patch = (ifMatch: string) =>
    ask(`/agents/${id}`, { method: 'PATCH', body: { purpose: 'never' }, headers: { 'if-match': ifMatch } })
  expect(await (await patch('abc')).json()).toMatchObject({ status: 422, errors: { 'If-Match': [expect.any(String)] } })
  // A weak tag never matches (RFC 9110, 8.8.3.2).
  expect((await patch(`W/${etagOf(await ask(`/agents/${id}`))}`)).status).toBe(412)
  const headers = { 'if-match': '"abc"' }
  const stop = { scope: 'agent', targetId: id, reason: 'to be tested' }
  const refused = await ask('/kill', { method: 'POST', body: stop, headers })
  expect(await refused.json()).toMatchObject({ status: 422, errors: { 'If-Match': [expect.any(String)] } })
  expect(await db.stopOrder.count()).toBe(0)
  expect((await ask('/agents/nobody', { method: 'PATCH', body: { purpose: 'x' }, headers })).status).toBe(404)
})

test('every write that honours If-Match refuses one that is out of date, before anything is written', async ({
  db,
  ask,
  team,
}) => {
  const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
  await db.creationStep.create({ data: { agentId, step: 'claude', position: 2, state: 'failed' } })
  const other = await makePerson(db)
  const wish = { agentId, requestedById: other.id, serverId: 'erp', class: 'read', reason: 'Reads.' } as const
  const { id: requestId } = await db.scopeRequest.create({ data: wish })
  const { heldCallId } = await holdCall(ctxFor(db), {
    source: 'broker',
    class: 'write',
    call: exactCall({ agentId, serverId: 'erp' }),
    rule: {
      id: null,
      title: 'Waits',
      deciderRoles: ['security'],
      excludedDeciders: [],
      decideSeconds: 60,
      onTimeout: 'deny',
    },
  })
  const hook = { url: 'http://127.0.0.1:9/', events: ['stop.*'] }
  const { webhookId } = (await (await ask('/webhooks', { method: 'POST', body: hook })).json()) as { webhookId: string }
  const run = { agentId, agentVersion: 1, trigger: 'manual', state: 'running', input: '', simulated: true } as const
  const { id: runId } = await db.run.create({ data: run })
  const view = { name: 'Mine', state: { q: '' } }
  const { id: viewId } = (await (await ask('/agents/views', { method: 'POST', body: view })).json()) as { id: string }
  const { number } = await enforcePolicies(db, [permitsGranted])
  const campaign = { title: 'Autumn', days: 90, atEnd: 'keep', startedById: other.id, dueAt: new Date() } as const
  const { id: campaignId } = await db.reviewCampaign.create({ data: campaign })
  const seen = { firstSeenAt: new Date(), lastSeenAt: new Date() }
  const said = { reason: 'to be tested' }
  const found = { source: 'import', key: 'found', name: 'Found', verified: false, detail: {}, ...seen }
  const ids: Record<Revised, string> = {
    agent: agentId,
    server: 'erp',
    scopeRequest: requestId,
    heldCall: heldCallId,
    webhook: webhookId,
    view: viewId,
    unregistered: (await db.unregisteredAgent.create({ data: found })).id,
    grant: await makeGrant(db, { agentId, serverId: 'erp' }),
    run: runId,
    policyReplay: (await startPolicyReplay(ctxFor(db), { number, since: '1h' })).replayId,
    reviewCampaign: campaignId,
    policySet: String(number),
    trialTerms: '',
    viewDefault: 'security',
    person: other.id,
    stopOrder: (
      await db.stopOrder.create({ data: { scope: 'agent', targetId: 'none', ...said, orderedByName: 'Ada' } })
    ).id,
    ...(await rulesAndRest(db, { agentId, personId: other.id, runId, teamId: team })),
  }
  const writes = allRoutes.filter(({ method, revision }) => method !== 'GET' && revision)
  expect(writes.length).toBeGreaterThan(50)
  const before = await db.auditEvent.count()
  for (const { method, path, revision, example } of writes) {
    const to = path.replace('/api/v1', '').replace(/\{(?:id|number|role)\}/, ids[revision!])
    const body = example?.body === undefined ? {} : { body: example.body }
    const response = await ask(to, { method, headers: { 'if-match': '"0.0"' }, ...body })
    expect({ method, path, ...((await response.json()) as object) }).toMatchObject({
      method,
      path,
      status: 412,
      rule: 'api:if_match',
    })
  }
  expect(await db.auditEvent.count()).toBe(before)
})

/** One of each thing that people rule by and are told by. */
async function rulesAndRest(db: Db, by: { agentId: string; personId: string; runId: string; teamId: string }) {
  const { agentId, personId, runId, teamId } = by
  const { id: holdRule } = await db.holdRule.create({
    data: { title: 'Waits', deciderRoles: ['security'], decideSeconds: 60 },
  })
  const soon = new Date(Date.now() + 3_600_000)
  const away = { ruleId: holdRule, reason: 'Away.', openedById: personId, expiresAt: soon }
  const { id: holdBypass } = await db.holdBypass.create({ data: away })
  const { id: approvalRule } = await db.approvalRule.create({
    data: { title: 'All', position: 900, steps: [['security']], dueHours: 8 },
  })
  const breakGlass = await makeGrant(db, { agentId, serverId: 'erp', expiresAt: soon })
  await db.breakGlassReview.create({ data: { grantId: breakGlass, agentId, openedById: personId } })
  const { id: delegateId } = await makePerson(db)
  const { id: delegation } = await db.delegation.create({
    data: { personId, delegateId, startsAt: new Date(), endsAt: soon, reason: 'On leave.' },
  })
  const sealed = { url: Buffer.of(1), host: 'h', createdById: personId, createdByName: 'Ada' }
  const { id: notificationChannel } = await db.notificationChannel.create({
    data: { teamId, name: '#team', ...sealed },
  })
  const found = { kind: 'escalate', title: 'INV-1 differs', detail: {}, sourceId: 'e' } as const
  const { id: escalation } = await db.escalation.create({ data: { runId, agentId, ...found } })
  return { holdRule, holdBypass, approvalRule, breakGlass, delegation, notificationChannel, escalation }
}

test('a tool that changed at its server ends what was read of the server', async ({ db, ask }) => {
  const headers = { 'if-match': etagOf(await ask('/servers/erp/tools/pay')) }
  await db.mcpTool.update({
    where: { serverId_name: { serverId: 'erp', name: 'pay' } },
    data: { definitionHash: 'another' },
  })
  const body = { name: 'pay', class: 'read', reason: 'It only looks.' }
  expect((await ask('/servers/erp/classify', { method: 'POST', body, headers })).status).toBe(412)
})

test('two people who save the same page: one is told that someone else changed it', async ({ db, team }) => {
  const { id } = await makeAgent(db, { ownerTeamId: team })
  const revision = (await agentRevision(db, id, false)) ?? ''
  const save = async (schedule: string) => {
    const person = await makePerson(db, { roles: ['team_lead'], teamIds: [team] })
    const ctx = unchangedSince(ctxFor(db, person), { read: agentRevision, id }, revision)
    return await setSchedule(ctx, { agentId: id, schedule, enabled: true })
  }
  const outcomes = await Promise.allSettled([save('0 6 * * *'), save('0 7 * * *')])
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  const lost = outcomes.find((outcome) => outcome.status === 'rejected')
  expect(lost?.reason).toMatchObject({ code: 'precondition_failed', message: expect.stringContaining('Someone else') })
  expect((await auditOf(db, id)).filter(({ event }) => event === 'agent.schedule_changed')).toHaveLength(1)
})

test('the command line writes with --if-match, and not where nothing can be compared', async ({ db, portal, team }) => {
  const { id } = await makeAgent(db, { ownerTeamId: team })
  const person = await makePerson(db, { roles, teamIds: [team] })
  const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
  const { url, close } = await portal.listen()
  onTestFinished(close)
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-cli-'))
  onTestFinished(() => rm(home, { recursive: true, force: true }))
  const run = (...args: string[]) =>
    startCli(args, { home, env: { WHEELHOUSE_URL: url, WHEELHOUSE_TOKEN: token } }).ended
  const { out } = await run('agents', 'show', id, '--etag')
  const guarded = ['--if-match', out.trim(), '--reason', 'to be tested']
  expect(await run('agents', 'suspend', id, ...guarded)).toMatchObject({ code: 0 })
  expect(await run('agents', 'resume', id, ...guarded)).toMatchObject({
    code: 1,
    err: expect.stringContaining('Someone else changed this'),
  })
  expect(await run('kill', 'agent', id, ...guarded)).toMatchObject({
    code: 2,
    err: expect.stringContaining('--if-match'),
  })
  expect(await run('kill', 'agent', id, '--etag', '--reason', 'to be tested')).toMatchObject({
    code: 2,
    err: expect.stringContaining('--etag'),
  })
  expect(await db.stopOrder.count({ where: { targetId: id } })).toBe(0)
  const terms = ['policy-sets', 'terms']
  const tag = (await run(...terms, '--etag')).out.trim()
  expect(await run(...terms, '--minutes', '99', '--if-match', tag)).toMatchObject({ code: 0 })
  expect(await run(...terms, '--minutes', '98', '--if-match', tag)).toMatchObject({ code: 1 })
  expect(await db.policyTrialTerms.findUnique({ where: { id: 1 } })).toMatchObject({ logOnlyMinutes: 99 })
  expect(await run('agents', 'list', '--etag')).toMatchObject({ code: 2, err: expect.stringContaining('--etag') })
})
