import { expect } from 'vitest'
import { answered } from '#lib/dev/test/answer-check.ts'
import { allRoutes } from '#lib/dev/test/api-portal.ts'
import { askTest as test } from '#lib/dev/test/api-ask.ts'
import { recordAudit } from '#lib/audit/commands.ts'
import { inTx } from '#lib/auth/ctx.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { holdCall } from '#lib/guardrails/commands.ts'

const reason = { reason: 'to be tested' }

test('agents', async ({ ask, team }) => {
  const { person } = await ask('GET /me')
  const draft = {
    id: 'answering',
    name: 'Answering',
    purpose: 'to be tested',
    ownerTeamId: team,
    accountablePersonId: person,
    tier: 'low',
    templateId: 'invoice-reconciler',
    schedule: '0 6 * * 1-5',
    scopes: [
      { serverId: 'invoices', class: 'read' },
      { serverId: 'erp', class: 'write', ...reason },
    ],
  }
  await ask('POST /agents?dryRun=true', draft)
  await ask('POST /agents?dryRun=true', { ...draft, ownerTeamId: 'nobody', schedule: 'daily' })
  await ask('POST /agents', draft)
  const from = new Date().toISOString()
  await ask('PATCH /agents/answering', { monthlyBudgetMicros: '25000000' })
  await ask('PUT /agents/answering/schedule', { schedule: '0 7 * * *' })
  await ask('POST /agents/answering/logic', { layer: { prompt: 'Mind the credit notes.', parameters: {} } })
  await ask('POST /agents/answering/review')
  for (const path of [
    '',
    '/creation',
    '/explain?q=can:write',
    '/export',
    '/metrics',
    '/connections',
    '/similar',
    '/history',
    '/versions',
    '/versions/1',
    '/timeline',
    '/credentials',
  ])
    await ask(`GET /agents/answering${path}`)
  for (const path of ['?q=can:read', '/facets', '/complete?q=can:', '/export?owner=nobody', '/csv?can=read'])
    await ask(`GET /agents${path}`)
  for (const path of [`/answering/diff?from=${from}`, `/diff?from=${from}`, `/answering?asOf=${from}`, `?asOf=${from}`])
    await ask(`GET /agents${path}`)
  await ask('POST /agents/apply?dryRun=true', 'id: answering\npurpose: answers\n')
  await ask('POST /agents/apply', 'id: answering\npurpose: answers\n')
  await ask('POST /agents/answering/credentials', {})
  await ask('DELETE /agents/answering/credentials')
})

test('the state of an agent', async ({ ask, db, team }) => {
  const { id } = await makeAgent(db, { ownerTeamId: team })
  for (const move of ['suspend', 'resume', 'retire']) await ask(`POST /agents/${id}/${move}`, reason)
  const failed = await makeAgent(db, { ownerTeamId: team, status: 'provisioning' })
  await db.creationStep.create({
    data: { agentId: failed.id, step: 'claude', position: 2, state: 'failed', detail: 'no' },
  })
  await ask(`POST /agents/${failed.id}/creation`)
})

test('several agents at once, and saved views', async ({ ask, db, team }) => {
  const { id } = await makeAgent(db, { ownerTeamId: team })
  const several = { agentIds: [id, 'nobody'], move: 'suspend' }
  await ask('POST /agents/bulk/eligible', several)
  await ask('POST /agents/bulk', { ...several, ...reason })
  const view = { name: 'Writers', shared: true, state: { q: 'can:write', columns: ['owner'] } }
  const { id: viewId } = await ask('POST /agents/views', view)
  await ask('GET /agents/views')
  await ask(`GET /agents/views/${viewId}`)
  await ask(`PUT /agents/views/${viewId}`, { ...view, name: 'Who writes' })
  await ask('PUT /agents/views/defaults/security', { viewId })
  expect(await ask(`GET /agents/views/${viewId}`)).toMatchObject({ name: 'Who writes', defaultFor: ['security'] })
  await ask(`DELETE /agents/views/${viewId}`)
})

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
  await ask(`GET /scope-requests/${id}`)
  const { grantId } = await ask(`POST /scope-requests/${id}/decide`, { decision: 'approve', days: 7 })
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
  const wide = await makeGrant(db, { agentId, serverId: 'invoices', class: 'write' })
  await ask(`POST /grants/${wide}/narrow`, { toolNames: ['look'], ...reason })
  const rule = { title: 'Writing', classes: ['write'], steps: [['security'], ['finance']], daysMax: 30 }
  const { ruleId } = await ask('POST /approval-rules', rule)
  await ask('GET /approval-rules')
  await ask(`POST /approval-rules/${ruleId}/remove`, reason)
})

test('breaking the glass', async ({ ask, db }) => {
  const { id: agentId } = await makeAgent(db)
  const body = { serverId: 'erp', class: 'write', minutes: 30, reason: 'Postings of today must be reversed at once.' }
  const { grantId } = await ask(`POST /agents/${agentId}/break-glass`, body)
  await ask('GET /break-glass')
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
  expect(await ask('POST /simulate', call)).toMatchObject({ outcome: 'held', rates: [{ used: 0, limit: 5 }] })
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

test('held calls', async ({ ask, db, team }) => {
  const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
  const { ruleId } = await ask('POST /hold-rules', { title: 'Writes wait', class: 'write', deciderRoles: ['security'] })
  await ask('GET /hold-rules')
  const call = { agentId, agentVersion: 1, runId: null, serverId: 'erp', tool: 'change', arguments: { amount: 5 } }
  const { heldCallId } = await holdCall(ctxFor(db), {
    source: 'broker',
    class: 'write',
    call: { ...call, definitionHash: 'h', policyVersion: 'p' },
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
  const urgent = { reason: 'Nobody who decides can be reached.' }
  const { bypassId } = await ask(`POST /hold-rules/${ruleId}/bypass`, { agentId: (await makeAgent(db)).id, ...urgent })
  await ask('GET /hold-bypasses?state=all')
  await ask(`POST /hold-bypasses/${bypassId}/end`)
  await ask(`POST /hold-rules/${ruleId}/remove`, reason)
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
  await ask('PATCH /servers/crm/guards', { blockMarked: true })
  const failing = { serverId: 'crm', broker: 'b', state: 'open', failures: 5, lastError: 'no', changedAt: new Date() }
  await db.serverHealth.create({ data: failing })
  await ask('GET /servers/crm/health')
  const { probeId } = await ask('POST /servers/probes', { url: 'https://erp.example.test/mcp' })
  await ask(`GET /servers/probes/${probeId}`)
  await ask('PUT /servers/crm/credential', { kind: 'bearer', secret: 'a token' })
  const id = await makeServer(db, { tools: { pay: { class: 'write', state: 'quarantined' } } })
  await makeGrant(db, { agentId: (await makeAgent(db)).id, serverId: id })
  await ask('GET /servers/reviews')
  await ask('GET /servers')
  await ask(`POST /servers/${id}/approve`, { tools: [{ name: 'pay', definitionHash: 'hash-of-pay' }] })
  await ask(`POST /servers/${id}/classify`, { name: 'pay', class: 'destructive', ...reason })
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
  await ask(`POST /kill/${orderId}/release`, reason)
  await ask('GET /kill')
  for (const path of ['/fleet', '/fleet/candidates', '/audit']) await ask(`GET ${path}`)
})

test('what is not registered', async ({ ask, team }) => {
  const { person } = await ask('GET /me')
  await ask('POST /unregistered/import', 'key,name,note\nfound-1,Found,by a scan\nfound-2,,\n')
  const { items } = await ask('GET /unregistered?source=import')
  const [first, second] = items as unknown as { id: string }[]
  await ask(`POST /unregistered/${first!.id}/dismiss`, reason)
  await ask(`POST /unregistered/${second!.id}/adopt`, {
    id: 'found-agent',
    name: 'Found',
    purpose: 'to be tested',
    ownerTeamId: team,
    accountablePersonId: person,
    tier: 'low',
    templateId: 'invoice-reconciler',
  })
  for (const state of ['dismissed', 'adopted']) await ask(`GET /unregistered?state=${state}`)
})

test('connected apps', async ({ ask, db }) => {
  const { person } = await ask('GET /me')
  const client = { id: 'app-answers', kind: 'registered', name: 'Claude', redirectUris: [] }
  await db.appClient.create({ data: client })
  const { id } = await db.appConnection.create({
    data: {
      personId: person!,
      clientId: client.id,
      clientName: 'Claude',
      resource: 'http://localhost:7400/mcp/registry',
      permissions: ['agents:read'],
      expiresAt: new Date(Date.now() + 60_000),
    },
  })
  await ask('GET /apps')
  await ask(`DELETE /apps/${id}`)
})

test('templates, teams, people, tokens and keys', async ({ ask }) => {
  for (const path of ['/templates', '/templates/invoice-reconciler', '/teams', '/people']) await ask(`GET ${path}`)
  const { tokenId } = await ask('POST /tokens', { name: 'one', permissions: ['agents:read'], days: 1 })
  await ask('GET /tokens')
  await ask(`DELETE /tokens/${tokenId}`)
  await ask('POST /signing-keys', reason)
  await ask('GET /signing-keys')
  await ask('GET /sealing-keys')
  await ask('POST /sealing-keys/rotate', reason)
  await ask('GET /sealing-keys')
})

test('people who leave, and their agents', async ({ ask, db, team }) => {
  const { person } = await ask('GET /me')
  const leaver = await makePerson(db, { teamIds: [team] })
  const { id } = await makeAgent(db, { ownerTeamId: team, accountablePersonId: leaver.id })
  await ask(`POST /people/${leaver.id}/deactivate`, reason)
  const { items } = await ask('GET /orphans')
  expect(items).toMatchObject([{ agent: { id }, person: { id: leaver.id }, because: 'admin' }])
  expect(await ask(`POST /agents/${id}/take-over`, { accountablePersonId: person })).toMatchObject({ resumed: false })
  await ask(`POST /people/${leaver.id}/reactivate`, reason)
})

test('webhooks', async ({ ask }) => {
  const { webhookId } = await ask('POST /webhooks', { url: 'http://127.0.0.1:9/', events: ['stop.*'] })
  const path = `/webhooks/${webhookId}`
  await ask('GET /webhooks')
  await ask(`GET ${path}`)
  await ask(`PATCH ${path}`, { description: 'The pager' })
  await ask(`POST ${path}/secret`)
  const { deliveryId } = await ask(`POST ${path}/test`)
  await ask(`GET ${path}/deliveries`)
  await ask(`POST ${path}/replay`, { deliveryId })
  await ask(`DELETE ${path}`)
})

test('the inbox', async ({ ask, db }) => {
  const { person } = await ask('GET /me')
  const { id } = await db.notification.create({
    data: { personId: person!, eventSeq: 1n, kind: 'stop', title: 'Stopped', body: '', path: '/kill', thread: 'stop' },
  })
  await ask('GET /inbox?state=unread')
  await ask(`PATCH /inbox/${id}`, { read: true })
  await ask('POST /inbox/read', {})
})

test('how one is told', async ({ ask, team }) => {
  await ask('PUT /notification-settings/preferences', {
    preferences: [{ kind: 'grant', channel: 'mail', mode: 'weekly' }],
  })
  await ask('PUT /notification-settings/digest', { timeZone: 'Europe/Berlin', hour: 7, weekday: 5 })
  await ask('POST /notification-settings/test-mail')
  await ask('POST /notification-channels', { owner: 'me', url: 'http://127.0.0.1:9/' })
  await ask('GET /notification-settings')
  await ask('GET /notification-deliveries')
  const shared = { owner: 'team', teamId: team, name: '#team', url: 'http://127.0.0.1:9/', kinds: ['stop'] }
  const { channelId } = await ask('POST /notification-channels', shared)
  await ask(`PATCH /notification-channels/${channelId}`, { name: '#ours' })
  await ask(`POST /notification-channels/${channelId}/test`)
  await ask('GET /notification-channels')
  await ask(`DELETE /notification-channels/${channelId}`)
})

test('no endpoint is left whose answer was not compared with its contract', () => {
  expect(allRoutes.map(({ method, path }) => `${method} ${path}`).filter((name) => !answered.has(name))).toEqual([])
})
