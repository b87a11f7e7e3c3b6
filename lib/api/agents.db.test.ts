import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { permissions as allPermissions } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { root } from '#lib/dev/source-files.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { syncTemplates } from '#lib/templates/commands.ts'

const apiTest = dbTest
  .extend('portal', { scope: 'file' }, ({ database }) => openApiPortal(database))
  .extend('lead', { scope: 'file' }, async ({ database }) => await teamLead(database.db))

async function teamLead(db: Db) {
  await syncTemplates({ db, actor: systemActor('test'), now: new Date() }, { folder: join(root, 'templates') })
  for (const id of ['invoices', 'erp']) await makeServer(db, { id })
  const teamId = await makeTeam(db, { id: 'finance-platform' })
  const person = await makePerson(db, { roles: ['team_lead'], teamIds: [teamId] })
  return { teamId, person, token: await makeToken(db, { personId: person.id, permissions: allPermissions }) }
}

describe('the catalog', () => {
  apiTest('answers which agents can write to production', async ({ db, portal, lead }) => {
    const production = await makeServer(db, { environment: 'production' })
    const staging = await makeServer(db, { environment: 'staging' })
    const holds = async (serverId: string, toolClass: 'read' | 'write' | 'destructive') => {
      const { id } = await makeAgent(db, { ownerTeamId: lead.teamId })
      await makeGrant(db, { agentId: id, serverId, class: toolClass })
      return id
    }
    const writes = await holds(production, 'write')
    const destroys = await holds(production, 'destructive')
    await holds(production, 'read')
    await holds(staging, 'write')

    const asked = async (search: string) => {
      const response = await portal.fetch(`/api/v1/agents?${search}`, { token: lead.token })
      const list = (await response.json()) as { items: { id: string }[]; total: number }
      return { ids: list.items.map(({ id }) => id).toSorted(), total: list.total }
    }
    const expected = { ids: [writes, destroys].toSorted(), total: 2 }
    expect(await asked('can=write&env=production')).toEqual(expected)
    expect(await asked('q=can:write+env:production')).toEqual(expected)
    expect(await asked(`can=write&env=production&owner=${lead.teamId}`)).toEqual(expected)
    expect((await asked('can=write&env=production&status=retired')).total).toBe(0)
  })

  apiTest('says what is wrong with a query instead of ignoring it', async ({ portal, lead }) => {
    const unknown = await portal.fetch('/api/v1/agents?colour=red', { token: lead.token })
    expect(unknown.status).toBe(422)
    const wrong = await portal.fetch('/api/v1/agents?q=can:wrte', { token: lead.token })
    expect(wrong.status).toBe(422)
    expect(await wrong.json()).toMatchObject({ detail: expect.stringContaining('wrte'), requestId: expect.any(String) })
  })

  apiTest('is read a page at a time without a gap', async ({ portal, lead }) => {
    const ids: string[] = []
    let cursor = ''
    do {
      const response = await portal.fetch(`/api/v1/agents?limit=2${cursor && `&cursor=${cursor}`}`, {
        token: lead.token,
      })
      const page = (await response.json()) as { items: { id: string }[]; nextCursor: string | null }
      ids.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor ?? ''
    } while (cursor)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBeGreaterThanOrEqual(4)
  })
})

describe('an agent', () => {
  const draft = (lead: { teamId: string; person: { id: string } }, id: string) => ({
    id,
    name: 'Invoice reconciler',
    purpose: 'match invoices to POs, flag discrepancies',
    ownerTeamId: lead.teamId,
    accountablePersonId: lead.person.id,
    tier: 'low',
    templateId: 'invoice-reconciler',
    scopes: [{ serverId: 'invoices', class: 'read' }],
  })

  apiTest('is previewed, then created, shown and changed', async ({ db, portal, lead }) => {
    const body = draft(lead, 'api-made-1')
    const post = (path: string) => portal.fetch(path, { method: 'POST', body, token: lead.token })
    const preview = await post('/api/v1/agents?dryRun=true')
    expect(preview.status).toBe(200)
    expect(await preview.json()).toMatchObject({ problems: [], yaml: expect.stringContaining('id: api-made-1') })
    expect(await db.agent.count({ where: { id: 'api-made-1' } })).toBe(0)

    const created = await post('/api/v1/agents')
    expect(created.status).toBe(201)
    expect(await created.json()).toEqual({ agentId: 'api-made-1', version: 1 })
    const again = await post('/api/v1/agents')
    expect(again.status).toBe(409)
    expect(await again.json()).toMatchObject({ rule: 'registry:id_taken' })

    const patch = { purpose: 'match invoices', monthlyBudgetMicros: '25000000' }
    const changed = await portal.fetch('/api/v1/agents/api-made-1', { method: 'PATCH', body: patch, token: lead.token })
    expect(await changed.json()).toMatchObject(patch)
    const schedule = { schedule: '0 6 * * 1-5' }
    const path = '/api/v1/agents/api-made-1/schedule'
    expect((await portal.fetch(path, { method: 'PUT', body: schedule, token: lead.token })).status).toBe(204)
    const wrong = await portal.fetch(path, { method: 'PUT', body: { schedule: 'daily' }, token: lead.token })
    expect(await wrong.json()).toMatchObject({ status: 422, errors: { schedule: [expect.any(String)] } })

    const log = await (await portal.fetch('/api/v1/agents/api-made-1/creation', { token: lead.token })).json()
    expect(log).toMatchObject({ status: 'provisioning' })
    expect((await auditOf(db, 'api-made-1')).map(({ event }) => event)).toEqual(
      expect.arrayContaining(['agent.created', 'agent.updated', 'agent.schedule_changed']),
    )
  })

  apiTest('that is wrong is refused with every problem and its field', async ({ portal, lead }) => {
    const body = { ...draft(lead, 'Wrong Id'), tier: 'huge', guardrails: 'none' }
    const response = await portal.fetch('/api/v1/agents', { method: 'POST', body, token: lead.token })
    expect(response.status).toBe(422)
    const { errors } = (await response.json()) as { errors: Record<string, string[]> }
    expect(Object.keys(errors)).toEqual(expect.arrayContaining(['id', 'tier']))
  })

  apiTest('gets a new version of its logic, and both can be read', async ({ portal, lead }) => {
    const options = { method: 'POST', token: lead.token }
    await portal.fetch('/api/v1/agents', { ...options, body: draft(lead, 'api-made-2') })
    const body = { layer: { prompt: 'Mind the credit notes.', parameters: {} }, expectedVersion: 1 }
    const changed = await portal.fetch('/api/v1/agents/api-made-2/logic', { ...options, body })
    expect(await changed.json()).toEqual({ version: 2 })
    const stale = await portal.fetch('/api/v1/agents/api-made-2/logic', { ...options, body })
    expect(await stale.json()).toMatchObject({ status: 409, rule: 'lifecycle:version_moved' })
    const read = async (path: string) =>
      await (await portal.fetch(`/api/v1/agents/api-made-2/versions${path}`, { token: lead.token })).json()
    expect(await read('')).toMatchObject({ items: [{ version: 2 }, { version: 1 }] })
    expect(await read('/1')).toMatchObject({ version: 1, layer: { prompt: '' } })
    expect(await read('/9')).toMatchObject({ status: 404 })
  })

  apiTest('is retired once, and not by a builder', async ({ db, portal, lead }) => {
    const { id } = await makeAgent(db, { ownerTeamId: lead.teamId })
    const builder = await makePerson(db, { roles: ['builder'], teamIds: [lead.teamId] })
    const token = await makeToken(db, { personId: builder.id, permissions: allPermissions })
    const retire = (bearer: string) =>
      portal.fetch(`/api/v1/agents/${id}/retire`, { method: 'POST', body: { reason: 'idle' }, token: bearer })
    expect((await retire(token)).status).toBe(403)
    expect((await retire(lead.token)).status).toBe(204)
    expect(await (await retire(lead.token)).json()).toMatchObject({ status: 409, rule: 'lifecycle:retire' })
  })

  apiTest('that does not exist is a problem too', async ({ portal, lead }) => {
    const response = await portal.fetch('/api/v1/agents/nobody', { token: lead.token })
    expect(await response.json()).toMatchObject({ status: 404, type: 'urn:wheelhouse:problem:not_found' })
  })
})

describe('a table', () => {
  apiTest('is of the agents named, in that order, or of a query', async ({ portal, lead }) => {
    const get = (search: string) => portal.fetch(`/api/v1/agents/csv?columns=agent&${search}`, { token: lead.token })
    const idsOf = (text: string) => text.split('\r\n').map((line) => line.split(',')[0])
    const named = await (await get('ids=api-made-2,api-made-1,api-made-2')).text()
    expect(idsOf(named)).toEqual(['id', 'api-made-2', 'api-made-1', ''])
    for (const filter of ['can=write', 'q=invoice', 'asOf=2026-11-01']) {
      expect(await (await get(`ids=api-made-1&${filter}`)).json()).toMatchObject({ status: 422, rule: 'api:ids' })
    }
    expect(await (await get('ids=api-made-1,nobody')).json()).toMatchObject({
      status: 404,
      detail: 'There is no agent nobody.',
    })
  })
})

describe('YAML', () => {
  apiTest('goes out and comes back without a change', async ({ db, portal, lead }) => {
    const get = (path: string) => portal.fetch(path, { token: lead.token })
    const exported = await get('/api/v1/agents/export?ids=api-made-2,api-made-1')
    expect(exported.headers.get('content-type')).toBe('application/yaml; charset=utf-8')
    const text = await exported.text()
    expect(text.match(/^id: .+$/gm)).toEqual(['id: api-made-2', 'id: api-made-1'])
    expect(await (await get('/api/v1/agents/api-made-1/export')).text()).toBe(text.split('---\n')[1])
    expect(await (await get('/api/v1/agents/api-made-1/export?measured=false')).text()).not.toContain('monthly_runs')

    const apply = (body: string, search = '') =>
      portal.fetch(`/api/v1/agents/apply${search}`, { method: 'POST', text: body, token: lead.token })
    const same = (await (await apply(text)).json()) as { changes: { action: string }[] }
    expect(same.changes.map(({ action }) => action)).toEqual(['none', 'none'])

    const edited = text.replace('purpose: match invoices\n', 'purpose: match invoices to orders\n')
    const tried = await apply(edited, '?dryRun=true')
    expect(await tried.json()).toMatchObject({ applied: false })
    expect(await db.agent.findUnique({ where: { id: 'api-made-1' } })).toMatchObject({ purpose: 'match invoices' })
    expect(await (await apply(edited)).json()).toMatchObject({ applied: true })
    const after = await db.agent.findUnique({ where: { id: 'api-made-1' } })
    expect(after).toMatchObject({ purpose: 'match invoices to orders' })
  })

  apiTest('of a query exports what the catalog lists', async ({ portal, lead }) => {
    const get = (path: string) => portal.fetch(path, { token: lead.token })
    const list = (await (await get('/api/v1/agents?template=invoice-reconciler')).json()) as { items: { id: string }[] }
    const text = await (await get('/api/v1/agents/export?template=invoice-reconciler')).text()
    expect(text.match(/^id: (.+)$/gm)).toEqual(list.items.map(({ id }) => `id: ${id}`))
    const both = await get('/api/v1/agents/export?ids=api-made-1&can=write')
    expect(await both.json()).toMatchObject({ status: 422, rule: 'api:ids' })
  })

  apiTest('that is wrong is refused with its line, and nothing of it is applied', async ({ db, portal, lead }) => {
    const text = 'id: api-made-1\npurpose: changed\nguardrails: none\n'
    const response = await portal.fetch('/api/v1/agents/apply', { method: 'POST', text, token: lead.token })
    expect(response.status).toBe(422)
    expect(await response.json()).toMatchObject({ rule: 'lifecycle:manifest', line: 3, problems: [{ line: 3 }] })
    const after = await db.agent.findUnique({ where: { id: 'api-made-1' } })
    expect(after?.purpose).not.toBe('changed')
  })

  apiTest('of somebody without the right is refused before it is read', async ({ db, portal }) => {
    const person = await makePerson(db, { roles: ['finance'] })
    const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
    const options = { method: 'POST', text: 'id: x-y\n', token }
    const response = await portal.fetch('/api/v1/agents/apply', options)
    expect(await response.json()).toMatchObject({ status: 403, rule: 'permission:agents:update' })
  })
})
