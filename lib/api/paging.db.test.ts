import { expect } from 'vitest'
import { permissions as allPermissions, roles } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { allRoutes, makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { agentWithStaleSessions, threeOfWhatIsTold, threeReplays } from '#lib/dev/test/paged-rows.ts'
import { makeGrant, makeServer, makeTemplate } from '#lib/dev/test/registry.ts'
import { holdCall } from '#lib/guardrails/commands.ts'
import { isPaged } from './openapi/operation.ts'
import { pageOf } from './paging.ts'

type Page = { items: unknown[]; nextCursor: string | null }

const test = dbTest
  .extend('portal', { scope: 'file' }, ({ database }) =>
    openApiPortal(database, { WHEELHOUSE_WEBHOOK_PRIVATE_HOSTS: '127.0.0.1' }),
  )
  .extend('ask', { scope: 'file' }, async ({ db, portal }) => {
    const person = await makePerson(db, { roles, teamIds: [await makeTeam(db)] })
    const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
    return async (path: string, body?: unknown) => {
      const sent = typeof body === 'string' ? { text: body } : { body }
      const options = body === undefined ? {} : { method: 'POST', ...sent }
      const response = await portal.fetch(path, { ...options, token })
      return { response, json: (await response.json()) as Record<string, unknown> & Page }
    }
  })
  .extend('ids', { scope: 'file' }, ({ db, ask }) => threeOfEverything(db, ask))

const lists = allRoutes.filter(isPaged)

test('every list is paged', () => {
  const unpaged = allRoutes.filter(({ answer }) => {
    const shape = (answer.schema as { shape?: Record<string, unknown> } | null)?.shape ?? {}
    return 'items' in shape && !('nextCursor' in shape)
  })
  // The first few of what can be continued by asking for more, and no more than that; the last one is a list of the idle.
  expect(unpaged.map(({ path }) => path)).toEqual([
    '/api/v1/agents/complete',
    '/api/v1/agents/{id}/similar',
    '/api/v1/fleet/candidates',
    '/api/v1/review-campaigns',
    '/api/v1/scope-requests/waiting',
  ])
})

test('links lead through every list, with each item once', async ({ ask, ids }) => {
  const walk = async (path: string, limit: number) => {
    const found: string[] = []
    let next: string | undefined = `${path}${path.includes('?') ? '&' : '?'}limit=${limit}`
    while (next) {
      const { response, json } = await ask(next)
      expect({ next, status: response.status }).toEqual({ next, status: 200 })
      expect(json.items.length).toBeLessThanOrEqual(limit)
      found.push(...json.items.map((item) => JSON.stringify(item)))
      next = /<([^>]*)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
      expect(next !== undefined).toBe(json.nextCursor !== null)
    }
    return found
  }
  // Events are followed, and the calls of a trial need one that was done: policy-replays.db.test.ts and log-only-calls.db.test.ts walk through them.
  for (const list of lists.filter(({ path }) => !/\/(events|replays\/\{id\}\/calls|log-only-calls)$/.test(path))) {
    const path = pathOf(list.path, ids)
    const all = await walk(path, 100)
    expect({ path, many: all.length > 1 }).toEqual({ path, many: true })
    expect({ path, found: await walk(path, 1) }).toEqual({ path, found: all })
    expect(new Set(all).size).toBe(all.length)
  }
})

test('a cursor that was altered is refused, whatever the list', async ({ ask, ids }) => {
  for (const list of lists) {
    const path = pathOf(list.path, ids)
    const parameter = list.cursorOf?.({ after: undefined }) ?? 'cursor'
    for (const cursor of ['tampered', '%00', 'eyJpZCI6MX0', '01990000-0000-4000-8000-000000000009', 'x'.repeat(2000)]) {
      // There the place is the id itself, so every id is one.
      if (path.endsWith('/unused') && cursor.includes('-')) continue
      const { response, json } = await ask(`${path}${path.includes('?') ? '&' : '?'}${parameter}=${cursor}`)
      expect({ path, cursor, status: response.status, named: Object.keys(json['errors'] ?? {}) }).toEqual({
        path,
        cursor,
        status: 422,
        named: [parameter],
      })
    }
  }
})

test('a page goes on behind what was shown, also when that is gone meanwhile', () => {
  const idOf = (id: string) => id
  const first = pageOf(['a', 'b', 'c', 'd'], { limit: 2 }, idOf)
  const rest = (all: string[]) => pageOf(all, { limit: 9, cursor: first.nextCursor ?? '' }, idOf).items
  expect(rest(['0', 'a', 'b', 'c', 'd'])).toEqual(['c', 'd'])
  expect(rest(['a', 'c', 'd'])).toEqual(['d'])
  expect(pageOf([], { limit: 2 }, idOf)).toEqual({ items: [], nextCursor: null })
  expect(pageOf(['a', 'b'], { limit: 2 }, idOf).nextCursor).toBeNull()
})

type Ids = Record<string, string>

function pathOf(path: string, ids: Ids): string {
  if (path.endsWith('/stale-toolsets')) return path.replace('{id}', 'agent-stale')
  const filled = path.replace(/\{(?:id|number)\}/, ids[path.split('/')[3] ?? ''] ?? '')
  return path.endsWith('/grants') ? `${filled}?history=true` : filled
}

type Ask = (path: string, body?: unknown) => Promise<{ response: Response; json: Record<string, unknown> }>

async function threeOfEverything(db: Db, ask: Ask): Promise<Ids> {
  const scope = { server: 'erp', class: 'read', required: false, approval: 'request', reason: 'For tests.' } as const
  for (const id of ['test-template', 'two', 'three']) await makeTemplate(db, { id, scopes: [scope] })
  const tools = { pay: { class: 'write', state: 'quarantined' }, see: { class: 'read', state: 'quarantined' } } as const
  const gone = { class: 'read', state: 'removed' } as const
  for (const id of ['erp', 'crm', 'mail']) await makeServer(db, { id, tools: { ...tools, old: gone, older: gone } })
  const teamId = await makeTeam(db)
  const agents = await Promise.all(
    ['a', 'b', 'c'].map((id) => makeAgent(db, { id: `agent-${id}`, ownerTeamId: teamId })),
  )
  const agentId = agents[0]!.id
  for (const serverId of ['erp', 'crm']) await makeGrant(db, { agentId, serverId })
  await makeGrant(db, { agentId, serverId: 'erp', toolName: 'pay', class: 'write' })
  const person = await makePerson(db)
  const loosening = {
    what: 'sensitivity',
    before: 'internal',
    after: 'public',
    proposedById: person.id,
    proposedAt: new Date(),
  }
  await db.loosening.createMany({ data: ['erp', 'crm', 'mail'].map((serverId) => ({ serverId, ...loosening })) })
  const post = async (path: string, body: unknown, id: string) => String((await ask(`/api/v1${path}`, body)).json[id])
  const reason = 'to be tested by somebody'
  const layer = (prompt: string) => ({ layer: { prompt, parameters: {} } })
  let run = ''
  let webhook = ''
  for (const n of [1, 2, 3]) {
    await db.agentVersion.create({
      data: {
        agentId,
        version: n + 1,
        templateId: 'test-template',
        templateVersion: '1.0.0',
        digest: String(n),
        rendered: {},
        ...layer('x'),
      },
    })
    await db.agent.update({ where: { id: agentId }, data: { purpose: `purpose ${n}` } })
    run = await post('/runs', { agentId }, 'runId')
    await post('/tokens', { name: `t${n}`, permissions: ['agents:read'], days: 1 }, 'tokenId')
    await post('/signing-keys', { reason }, 'kid')
    const held = { title: `Rule ${n}`, class: 'write', deciderRoles: ['security'] }
    await post(`/hold-rules/${await post('/hold-rules', held, 'ruleId')}/bypass`, { reason }, 'bypassId')
    await post('/agents/views', { name: `View ${n}`, state: { q: '' } }, 'id')
    const failing = { serverId: 'erp', broker: `b${n}`, state: 'open', failures: 5, changedAt: new Date() }
    await db.serverHealth.create({ data: failing })
    await db.agentCredential.create({ data: { agentId, clientId: `client-${n}`, secretHash: String(n) } })
    const escalation = {
      runId: run,
      agentId,
      kind: 'escalate',
      title: `Finding ${n}`,
      detail: {},
      sourceId: `e${n}`,
    } as const
    await db.escalation.create({ data: escalation })
    await post('/policy-sets', { text: permitsGranted, note: `Set ${n}` }, 'number')
    await post('/approval-rules', { title: `Policy ${n}`, classes: ['destructive'], steps: [['security']] }, 'ruleId')
    await post('/kill', { scope: 'agent', targetId: `agent-${'abc'[n - 1]}`, reason }, 'orderId')
    webhook = await post('/webhooks', { url: `http://127.0.0.1:9/${n}`, events: ['stop.*'] }, 'webhookId')
    await ask(`/api/v1/webhooks/${webhook}/test`, {})
    await db.scopeRequest.create({
      data: { agentId, requestedById: person.id, serverId: 'erp', class: 'read', reason },
    })
    const glass = { serverId: 'erp', class: 'write', minutes: 30, reason: `${reason}, number ${n}` }
    await post(`/agents/agent-${'abc'[n - 1]}/break-glass`, glass, 'grantId')
    await holdCall(ctxFor(db), {
      source: 'broker',
      class: 'write',
      call: { ...heldCall, agentId, arguments: { n } },
      rule: {
        id: null,
        title: 'Waits',
        deciderRoles: ['security'],
        excludedDeciders: [],
        decideSeconds: 60,
        onTimeout: 'deny',
      },
    })
  }
  await ask('/api/v1/unregistered/import', 'key,name,note\nfound-1,One,\nfound-2,Two,\nfound-3,Three,\n')
  for (const _ of [1, 2]) await ask(`/api/v1/webhooks/${webhook}/test`, {})
  const { id: goneId } = await makePerson(db)
  await db.person.update({ where: { id: goneId }, data: { active: false, deactivatedAt: new Date() } })
  for (const _ of [1, 2]) await makeAgent(db, { accountablePersonId: goneId, ownerTeamId: teamId })
  await connectedApps(db)
  await threeOfWhatIsTold(db, String((await ask('/api/v1/me')).json['id']))
  const review = { title: 'Autumn', query: agentId, dueDays: 7, atEnd: 'keep' }
  for (const title of ['Spring', 'Summer']) await post('/review-campaigns', { ...review, title }, 'campaignId')
  const campaign = await post('/review-campaigns', review, 'campaignId')
  const replays = await threeReplays(db, 2)
  await agentWithStaleSessions(db)
  await db.grant.updateMany({ where: { agentId }, data: { createdAt: new Date(Date.now() - 200 * 86_400_000) } })
  return {
    agents: agentId,
    runs: run,
    webhooks: webhook,
    servers: 'erp',
    'policy-sets': '2',
    'review-campaigns': campaign,
    replays,
  }
}

const heldCall = {
  agentVersion: 1,
  runId: null,
  serverId: 'erp',
  tool: 'pay',
  definitionHash: 'h',
  policyVersion: 'p',
} as const

async function connectedApps(db: Db): Promise<void> {
  const { personId } = await db.accessToken.findFirstOrThrow({ where: { name: 't1' } })
  await db.appClient.create({ data: { id: 'app-pages', kind: 'registered', name: 'Claude', redirectUris: [] } })
  for (const _ of [1, 2])
    await db.appConnection.create({
      data: {
        personId,
        clientId: 'app-pages',
        clientName: 'Claude',
        resource: 'http://localhost:7400/mcp/registry',
        permissions: ['agents:read'],
        expiresAt: new Date(Date.now() + 60_000),
      },
    })
}
