import { expect } from 'vitest'
import { permissions } from '#lib/auth/permissions.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { getGrant } from '#lib/scopes/queries.ts'

const apiTest = dbTest.extend('portal', { scope: 'file' }, ({ database }) => openApiPortal(database))

apiTest('agents, lists and grants of an instant, and their differences, over HTTP', async ({ db, portal }) => {
  const person = await makePerson(db)
  const token = await makeToken(db, { personId: person.id, permissions })
  const get = async (path: string) => {
    const response = await portal.fetch(`/api/v1${path}`, { token })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const serverId = await makeServer(db)
  const { id } = await makeAgent(db, { name: 'Before' })
  const grantId = await makeGrant(db, { agentId: id, serverId, class: 'write' })
  const asOf = (await instant(db)).toISOString()
  await db.agent.update({ where: { id }, data: { name: 'After', status: 'suspended' } })
  await db.grant.update({ where: { id: grantId }, data: { revokedAt: new Date() } })

  const when = `asOf=${asOf}`
  expect((await get(`/agents/${id}`)).body).toMatchObject({ name: 'After', access: [] })
  expect((await get(`/agents/${id}?${when}`)).body).toMatchObject({ name: 'Before', access: [{ id: grantId }] })
  expect((await get(`/agents?can=write&${when}`)).body).toMatchObject({ total: 1, items: [{ id, status: 'active' }] })
  expect((await get('/agents?can=write')).body).toMatchObject({ total: 0 })
  expect((await get(`/agents/facets?${when}&q=status:active`)).body).toMatchObject({
    can: expect.arrayContaining([{ value: 'write', label: 'write', count: 1 }]) as unknown,
  })
  expect((await get(`/agents/${id}/explain?q=can:write&${when}`)).body).toMatchObject({ matches: true })
  expect((await get(`/grants?agentId=${id}&${when}`)).body).toMatchObject({
    items: [{ id: grantId, state: 'in_force' }],
  })
  expect((await get(`/grants/${grantId}`)).body).toMatchObject({ state: 'revoked' })
  expect((await get(`/grants/${grantId}?${when}`)).body).toMatchObject({ state: 'in_force', revokedAt: null })
  expect((await get(`/agents/${id}/diff?from=${asOf}`)).body).toMatchObject({
    fields: [{ field: 'name', before: 'Before', after: 'After' }, { field: 'status' }],
    grants: [{ change: 'removed', grantId }],
  })
  expect((await get(`/agents/diff?can=write&from=${asOf}`)).body).toMatchObject({ left: [{ id }], appeared: [] })
  expect((await get(`/agents/${id}/history`)).body).toMatchObject({
    items: [{ grants: true, entry: false }, { entry: true }, { grants: true }, { entry: true }],
  })

  expect((await get('/agents/nobody-knows/history')).status).toBe(404)
  expect((await get(`/agents/nobody-knows/diff?from=${asOf}`)).status).toBe(404)

  for (const path of [`/agents/${id}?asOf=`, '/agents?asOf=', '/grants?asOf=', `/agents/${id}/diff?from=`]) {
    for (const wrong of ['soon', '2999-01-01', '1999-01-01']) {
      const { status, body } = await get(path + wrong)
      expect([status, body['rule']]).toEqual([422, 'history:instant'])
      expect(body['detail']).toMatch(/^(?:asOf|from): .*The records begin at \d{4}-/)
    }
  }
  // Files to apply are of the present.
  expect((await get(`/agents/export?${when}`)).status).toBe(422)
  expect((await portal.fetch(`/api/v1/agents/${id}?${when}`)).status).toBe(401)
  const agent = ctxFor(db, { kind: 'agent', id, name: id })
  await expect(getGrant(agent, { grantId, asOf })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(getGrant(ctxFor(db), { grantId: crypto.randomUUID(), asOf })).rejects.toMatchObject({
    code: 'not_found',
  })
})
