import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import { askTest as test } from './api-ask.ts'
import type { PolicySetDetail } from '#lib/guardrails/schema/policy-sets.ts'
import { makeAgent, makePerson } from './fleet.ts'
import { forbids, permitsGranted } from './policy-sets.ts'

// Tests of lib/api/answers.db.test.ts about what is registered and who works with it: importing this file makes them its own.

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
  // The records have microseconds: an instant of the same millisecond would lie before them.
  await setTimeout(3)
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
    '/drift',
    '/history',
    '/versions',
    '/versions/1',
    '/timeline',
    '/credentials',
  ])
    await ask(`GET /agents/answering${path}`)
  for (const path of [
    '?q=can:read',
    '/facets',
    '/facets?data=personal&orphaned=no',
    '/complete?q=can:',
    '/export?owner=nobody',
    '/csv?can=read',
  ])
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
  await ask(`PUT /agents/${id}/call-rate`, { callsPerSecond: 5, ...reason })
  await ask(`GET /agents/${id}/call-rate`)
  await ask(`PATCH /agents/${id}/limits`, { resultBytesMax: 5000, callDeadlineSeconds: null, ...reason })
  await ask(`GET /agents/${id}/limits`)
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
  await ask('GET /agents/views/defaults/security')
  await ask('PUT /agents/views/defaults/security', { viewId })
  expect(await ask('GET /agents/views/defaults/security')).toMatchObject({ viewId })
  expect(await ask(`GET /agents/views/${viewId}`)).toMatchObject({ name: 'Who writes', defaultFor: ['security'] })
  await ask(`DELETE /agents/views/${viewId}`)
})

test('what is not registered', async ({ ask, team }) => {
  const { person } = await ask('GET /me')
  await ask('POST /unregistered/import', 'key,name,note\nfound-1,Found,by a scan\nfound-2,,\n')
  const { items } = await ask('GET /unregistered?source=import')
  const [first, second] = items as unknown as { id: string }[]
  await ask(`GET /unregistered/${first!.id}`)
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
  expect(await ask(`GET /people/${leaver.id}`)).toMatchObject({ active: false, teamIds: [team] })
  await ask(`POST /people/${leaver.id}/reactivate`, reason)
})

test('policy sets', async ({ ask, db }) => {
  const text = `${permitsGranted}\n${forbids('policy_answers', 'resource.class == "destructive"')}`
  expect(await ask('POST /policy-sets/check', { text: 'permit (principal' })).toMatchObject({ problems: [{ line: 1 }] })
  const { number } = await ask('POST /policy-sets', { text, note: 'To be tested.' })
  const path = `/policy-sets/${number}`
  await ask(`PUT ${path}`, { text, note: 'To be tested once more.' })
  await ask(`POST ${path}/log-only`)
  await ask(`GET ${path}/trial-reports`)
  await ask(`POST ${path}/end-log-only`)
  // Somebody else wrote it.
  await db.policySet.update({ where: { number: Number(number) }, data: { authorIds: [] } })
  const { version, enforced } = (await ask(`GET ${path}`)) as unknown as PolicySetDetail
  await ask('GET /policy-trial-terms')
  const less = { logOnlyMinutes: 30, logOnlyCalls: 2 }
  await ask('PUT /policy-trial-terms', less)
  await ask('GET /policy-trial-terms')
  await ask('POST /policy-trial-terms/withdraw')
  await ask('PUT /policy-trial-terms', less)
  await db.policyTrialProposal.updateMany({ data: { proposedById: crypto.randomUUID() } })
  await ask('POST /policy-trial-terms/confirm', less)
  await ask('GET /policy-trial-terms')
  await ask(`POST ${path}/enforce`, { version, replaces: enforced!.number, withoutReplay: 'It is only a test of it.' })
  await ask(`POST /policy-sets/${enforced!.number}/roll-back`, { replaces: number, reason: 'It was only a test.' })
  const other = await ask('POST /policy-sets', { text, note: 'To be thrown away.' })
  await ask(`POST /policy-sets/${other['number']}/discard`, { version: other['version'] })
  await ask(`GET /policy-sets/${other['number']}`)
  await ask('GET /policy-sets')
  await ask('GET /policy-sets?state=discarded')
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
