import { expect } from 'vitest'
import { answered } from '#lib/dev/test/answer-check.ts'
import { allRoutes } from '#lib/dev/test/api-portal.ts'
import '#lib/dev/test/answers-asked.ts'
import { askTest as test } from '#lib/dev/test/api-ask.ts'
import { askNotifications } from '#lib/dev/test/ask-notifications.ts'
import { recordAudit } from '#lib/audit/commands.ts'
import { inTx } from '#lib/auth/ctx.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { recordCalls, situationFor } from '#lib/dev/test/recorded-calls.ts'
import { holdCall, runPolicyReplay } from '#lib/guardrails/commands.ts'

const reason = { reason: 'to be tested' }

test('runs', async ({ ask, db, team }) => {
  const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
  const { runId } = await ask('POST /runs', { agentId })
  const note = { seq: 1, at: new Date(), kind: 'note', payload: { text: 'first' }, claudeEventId: null } as const
  await db.runEvent.create({ data: { ...note, runId: runId! } })
  await ask(`GET /runs?agent=${agentId}`)
  await ask(`GET /runs/${runId}`)
  await ask(`GET /runs/${runId}/events`)
  await ask(`POST /runs/${runId}/stop`, reason)
  const escalation = {
    runId: runId!,
    agentId,
    kind: 'escalate',
    title: 'INV-1 differs',
    detail: {},
    sourceId: 'e',
  } as const
  const { id } = await db.escalation.create({ data: escalation })
  await ask('GET /escalations?open=true')
  await ask(`GET /escalations/${id}`)
  await ask(`POST /escalations/${id}/resolve`)
  await ask('GET /escalations')
  await ask('GET /rules/grant_missing')
  await db.run.update({ where: { id: runId! }, data: { state: 'stopped' } })
  expect(await ask(`GET /runs/${runId}/stream`)).toMatchObject({ text: expect.stringContaining('event: end') })
})

test('scopes', async ({ ask, db }) => {
  const { id: agentId } = await makeAgent(db)
  const other = await makePerson(db, { roles: ['platform_admin'] })
  const wish = { agentId, requestedById: other.id, serverId: 'invoices', class: 'read', reason: 'Reads.' } as const
  const { id } = await db.scopeRequest.create({ data: wish })
  await ask('GET /scope-requests')
  await ask('GET /scope-requests/waiting')
  await ask(`GET /scope-requests/${id}`)
  expect(await ask(`POST /scope-requests/${id}/decide`, { decision: 'approve', days: 7 })).toMatchObject({
    grantIds: [expect.any(String)],
  })
  const { id: grantId } = await db.grant.findFirstOrThrow({ where: { requestId: id } })
  await ask(`GET /grants?agentId=${agentId}`)
  await ask(`GET /grants/${grantId}`)
  await ask(`POST /grants/${grantId}/revoke`, reason)
  await ask(`GET /grants?agentId=${agentId}&history=true`)
  const asked = await ask('POST /scope-requests', { agentId, serverId: 'erp', class: 'write', ...reason })
  await ask(`PATCH /scope-requests/${asked['requestId']}`, { class: 'read', days: 5 })
  await ask(`POST /scope-requests/${asked['requestId']}/withdraw`)
  await ask(`GET /agents/${agentId}/grant-usage?days=30`)
  await ask(`GET /agents/${agentId}/stale-toolsets`)
  await ask('GET /grants/unused?days=30')
  await ask('GET /grants/proposals?days=30')
  const wide = await makeGrant(db, { agentId, serverId: 'invoices', class: 'write' })
  const review = { title: 'Autumn', query: agentId, dueDays: 7, atEnd: 'keep' }
  const { campaignId } = await ask('POST /review-campaigns', review)
  await ask('GET /review-campaigns')
  await ask(`GET /review-campaigns/${campaignId}`)
  const { id: itemId } = await db.reviewItem.findFirstOrThrow({ where: { campaignId: campaignId! } })
  await ask(`POST /review-campaigns/${campaignId}/decide`, {
    decisions: [{ itemId, decision: 'keep', reason: 'It is needed.' }],
  })
  await ask(`POST /review-campaigns/${campaignId}/end`)
  await ask(`POST /grants/${wide}/narrow`, { toolNames: ['look'], ...reason })
  const rule = { title: 'Writing', classes: ['write'], steps: [['security'], ['finance']], daysMax: 30 }
  const { ruleId } = await ask('POST /approval-rules', rule)
  await ask('GET /approval-rules')
  await ask(`GET /approval-rules/${ruleId}`)
  await ask(`POST /approval-rules/${ruleId}/remove`, reason)
  await ask(`POST /approval-rules/${ruleId}/withdraw-removal`)
  const author = await makePerson(db, { roles: ['security'] })
  const easy = { title: 'Reading', classes: ['read'], steps: [], daysMax: 5, position: 1 }
  const { ruleId: proposed } = await ask('POST /approval-rules', easy)
  await ask('GET /approval-rules')
  await db.approvalRule.update({ where: { id: proposed! }, data: { createdById: author.id } })
  await ask(`POST /approval-rules/${proposed}/confirm`)
  await ask(`POST /approval-rules/${proposed}/remove`, reason)
})

test('breaking the glass', async ({ ask, db }) => {
  const { id: agentId } = await makeAgent(db)
  const body = { serverId: 'erp', class: 'write', minutes: 30, reason: 'Postings of today must be reversed at once.' }
  const { grantId } = await ask(`POST /agents/${agentId}/break-glass`, body)
  await ask('GET /break-glass')
  await ask(`GET /break-glass/${grantId}`)
  const by = await makePerson(db, { roles: ['on_call'] })
  await db.breakGlassReview.update({ where: { grantId: grantId! }, data: { openedById: by.id } })
  await ask(`POST /break-glass/${grantId}/review`, { verdict: 'justified', note: 'It was on fire.' })
  await ask('GET /break-glass?state=all')
})

test('decisions', async ({ ask, db }) => {
  const { id: agentId } = await makeAgent(db)
  const serverId = await makeServer(db)
  const call = { agentId, serverId, tool: 'change', arguments: { amount: 5 } }
  expect(await ask('POST /simulate', call)).toMatchObject({ rule: 'grant_missing', step: 'grant' })
  await makeGrant(db, { agentId, serverId, class: 'write', rateCalls: 5, ratePer: 'hour' })
  await db.holdRule.create({ data: { title: 'Waits', serverId, deciderRoles: ['security'], decideSeconds: 60 } })
  const rates = [
    { step: 'agent_rate', basis: 'assumed', per: 'second' },
    { step: 'rates', basis: 'counted', used: 0, limit: 5, per: 'hour' },
    { step: 'rates', basis: 'assumed', per: 'second' },
  ]
  expect(await ask('POST /simulate', call)).toMatchObject({ outcome: 'held', rates })
  const denied = { agentId, serverId, tool: 'change', decision: 'deny', rule: 'grant_missing' } as const
  const detail = { argumentsDigest: null, class: 'write', message: 'It holds no grant.' }
  const subject = { kind: 'tool', id: `${serverId}/change`, name: 'change' }
  await inTx(ctxFor(db), async (tx, ctx) =>
    recordAudit(tx, ctx, { event: 'mcp.call_denied', subject, ...denied, detail }),
  )
  const { id } = await db.auditEvent.findFirstOrThrow({ where: { agentId, event: 'mcp.call_denied' } })
  expect(await ask(`GET /decisions/${id}`)).toMatchObject({
    rule: 'grant_missing',
    now: { outcome: 'held', differs: true },
  })
})

test('replays of policy sets', async ({ ask, db }) => {
  const { id: agentId } = await makeAgent(db)
  await recordCalls(db, { facts: situationFor(agentId), calls: 2 })
  const { number } = await enforcePolicies(db, [permitsGranted, forbids('policy_none', 'resource.class == "read"')])
  const { replayId } = await ask(`POST /policy-sets/${number}/replays`, { since: '1h' })
  await ask(`GET /policy-sets/${number}/replays`)
  await runPolicyReplay(ctxFor(db), { replayId: replayId! })
  expect(await ask(`GET /replays/${replayId}`)).toMatchObject({ state: 'done', byAgent: [{ agentId, blocked: 2 }] })
  expect(await ask(`GET /replays/${replayId}/calls?agent=${agentId}`)).toMatchObject({ items: [{}, {}] })
  await ask('POST /replays', { text: permitsGranted, since: '1h' })
  const { replayId: second } = await ask(`POST /policy-sets/${number}/replays`, {})
  await ask(`POST /replays/${second}/cancel`)
  const { version } = await db.policySet.findUniqueOrThrow({ where: { number }, select: { version: true } })
  await db.policySet.update({ where: { number }, data: { logOnlyAt: new Date(Date.now() - 60_000) } })
  await recordCalls(db, { facts: situationFor(agentId), candidate: { version, rule: 'policy_none' } })
  expect(await ask(`GET /policy-sets/${number}/log-only-calls?agent=${agentId}`)).toMatchObject({
    items: [{ agentId, rule: 'policy_none' }],
  })
})

test('held calls', async ({ ask, db, team }) => {
  const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
  const { ruleId } = await ask('POST /hold-rules', { title: 'Writes wait', class: 'write', deciderRoles: ['security'] })
  await ask('GET /hold-rules')
  const { heldCallId } = await holdCall(ctxFor(db), {
    source: 'broker',
    class: 'write',
    call: exactCall({ agentId, serverId: 'erp' }),
    rule: {
      id: ruleId!,
      title: 'Writes wait',
      deciderRoles: ['security'],
      excludedDeciders: [],
      decideSeconds: 60,
      onTimeout: 'deny',
    },
  })
  await ask('GET /approvals')
  await ask(`GET /approvals/${heldCallId}`)
  await ask(`POST /approvals/${heldCallId}/decide`, { decision: 'reject', note: 'Ask finance first.' })
  await ask(`GET /approvals/${heldCallId}`)
  await ask('GET /approvals/insight?days=7')
  await ask('GET /hold-rules/forecast?class=write')
  const urgent = { reason: 'Nobody who decides can be reached.' }
  const { bypassId } = await ask(`POST /hold-rules/${ruleId}/bypass`, { agentId: (await makeAgent(db)).id, ...urgent })
  await ask('GET /hold-bypasses?state=all')
  await ask(`GET /hold-bypasses/${bypassId}`)
  await ask(`GET /hold-rules/${ruleId}`)
  await ask(`POST /hold-bypasses/${bypassId}/end`)
  await ask(`POST /hold-rules/${ruleId}/remove`, reason)
  await ask(`POST /hold-rules/${ruleId}/withdraw-removal`)
  await ask('GET /hold-rules?history=true')
})

test('servers and tools', async ({ ask, db }) => {
  const place = { environment: 'staging', sensitivity: 'internal', acknowledged: ['not_probed'] }
  await ask('POST /servers', { id: 'crm', name: 'CRM', url: 'https://crm.example.test/mcp', ...place })
  await ask('PATCH /servers/crm', { description: 'Customers.' })
  const remotes = [{ type: 'streamable-http', url: 'https://notes.acme.example/mcp' }]
  const file = { name: 'io.github.acme/notes', description: 'Notes.', version: '1.0.0', remotes }
  await ask('POST /servers/import', { text: JSON.stringify(file), ...place })
  const command = { command: 'notes', args: [], env: [] }
  await makeServer(db, { id: 'local', transport: 'stdio', url: '', command })
  await ask('GET /servers/local/processes')
  await ask('GET /servers/crm/processes')
  await ask('GET /servers/crm/traffic')
  await ask('PUT /servers/local/boundary', { boundary: 'team' })
  await ask('GET /servers/crm/guards')
  await ask('PATCH /servers/crm/guards', { blockMarked: true, callsPerSecond: 5, resultBytesMax: null })
  await ask('GET /servers/crm/prices')
  await ask('PUT /servers/crm/prices', { listUnitPriceMicros: '10000' })
  const failing = { serverId: 'crm', broker: 'b', state: 'open', failures: 5, lastError: 'no', changedAt: new Date() }
  await db.serverHealth.create({ data: failing })
  await ask('GET /servers/crm/health')
  const { probeId } = await ask('POST /servers/probes', { url: 'https://erp.example.test/mcp' })
  await ask(`GET /servers/probes/${probeId}`)
  const { packageId } = await ask('POST /servers/packages', { name: '@acme/tools', version: '1.0.0' })
  await ask(`GET /servers/packages/${packageId}`)
  await ask('PUT /servers/crm/credential', { kind: 'bearer', secret: 'a token' })
  const id = await makeServer(db, { tools: { pay: { class: 'write', state: 'quarantined' } } })
  await makeGrant(db, { agentId: (await makeAgent(db)).id, serverId: id })
  await ask('GET /servers/reviews')
  await ask('GET /servers')
  await ask(`GET /servers/${id}/holders`)
  await ask(
    `GET /servers/${await makeServer(db, { tools: { old: { class: 'read', state: 'removed' } } })}/removed-tools`,
  )
  await ask(`POST /servers/${id}/approve`, { tools: [{ name: 'pay', definitionHash: 'hash-of-pay' }] })
  await ask(`POST /servers/${id}/classify`, { name: 'pay', class: 'destructive', ...reason })
  expect(await ask(`POST /servers/${id}/classify`, { name: 'pay', class: 'read', ...reason })).toMatchObject({
    waits: true,
  })
  expect(await ask('PATCH /servers/crm', { sensitivity: 'public' })).toMatchObject({ waits: true })
  const { items } = (await ask('GET /servers/loosenings')) as unknown as { items: { id: string }[] }
  await db.loosening.updateMany({ where: { id: items[0]!.id }, data: { proposedById: crypto.randomUUID() } })
  await ask(`POST /servers/loosenings/${items[0]!.id}/confirm`)
  await ask(`POST /servers/loosenings/${items[1]!.id}/withdraw`)
  await ask(`POST /servers/${id}/reject`, { name: 'pay', definitionHash: 'hash-of-pay', ...reason })
  await ask(`GET /servers/${id}/tools/pay`)
  await ask(`GET /servers/${id}`)
  await ask('GET /servers/crm')
  await ask('POST /servers/crm/credential/remove', reason)
})

test('the kill switch, the fleet and the audit log', async ({ ask, db, team }) => {
  const { id: targetId } = await makeAgent(db, { ownerTeamId: team, schedule: '0 6 * * *' })
  await ask(`GET /kill/blast-radius?scope=agent&targetId=${targetId}`)
  const { orderId } = await ask('POST /kill', { scope: 'agent', targetId, ...reason })
  await ask('GET /kill')
  await ask(`GET /kill/${orderId}`)
  await ask(`POST /kill/${orderId}/release`, reason)
  await ask('GET /kill')
  const { orderId: everything } = await ask('POST /kill', { scope: 'organization', ...reason })
  await ask(`POST /kill/${everything}/release`, reason)
  await ask(`POST /kill/${everything}/withdraw-release`)
  await db.stopOrder.update({ where: { id: everything! }, data: { releasedAt: new Date(), releasedByName: 'Test' } })
  for (const path of ['/fleet', '/fleet/candidates', '/audit']) await ask(`GET ${path}`)
})

test('the inbox, how one is told, and who stands in', async ({ ask, db, team }) => {
  await askNotifications({ ask, db, team })
})

test('no endpoint is left whose answer was not compared with its contract', () => {
  expect(allRoutes.map(({ method, path }) => `${method} ${path}`).filter((name) => !answered.has(name))).toEqual([])
})
