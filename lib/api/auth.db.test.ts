import { describe, expect } from 'vitest'
import { permissions as allPermissions } from '#lib/auth/permissions.ts'
import { allRoutes, makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import type { Endpoint } from './endpoint.ts'

type Problem = {
  type: string
  title: string
  status: number
  detail: string
  instance: string
  requestId: string
  rule?: string
}

const apiTest = dbTest.extend('portal', { scope: 'file' }, ({ database }) => openApiPortal(database))

describe('every endpoint', () => {
  apiTest('refuses a stranger with 401 and a problem', async ({ portal }) => {
    for (const route of allRoutes) {
      const response = await portal.fetch(pathOf(route), sampleOf(route))
      expect({ route: nameOf(route), status: response.status, type: response.headers.get('content-type') }).toEqual({
        route: nameOf(route),
        status: 401,
        type: 'application/problem+json',
      })
      expect(response.headers.get('www-authenticate')).toContain('Bearer')
    }
  })

  apiTest('refuses a token without its permission, naming it, also when the person has it', async ({ db, portal }) => {
    const admin = await makePerson(db, { roles: ['platform_admin', 'security'] })
    for (const route of allRoutes.filter(({ permission }) => permission !== null)) {
      const missing = new Set<string | null>([route.permission, ...(route.orPermissions ?? [])])
      const granted = allPermissions.filter((name) => !missing.has(name))
      const token = await makeToken(db, { personId: admin.id, permissions: granted })
      const response = await portal.fetch(pathOf(route), { ...sampleOf(route), token })
      const problem = (await response.json()) as Problem
      expect({ route: nameOf(route), ...problem }).toMatchObject({
        route: nameOf(route),
        type: 'urn:wheelhouse:problem:forbidden',
        status: 403,
        rule: `permission:${route.permission}`,
        instance: new URL(pathOf(route), 'http://x').pathname,
      })
      expect(response.status).toBe(403)
      expect(problem.requestId).toMatch(/^req_/)
      expect(response.headers.get('x-request-id')).toBe(problem.requestId)
    }
  })
})

describe('a token', () => {
  apiTest('can never do more than its owner', async ({ db, portal }) => {
    const builder = await makePerson(db, { roles: ['builder'] })
    const token = await makeToken(db, { personId: builder.id, permissions: allPermissions })
    const stop = { scope: 'organization', reason: 'to be tested' }
    const response = await portal.fetch('/api/v1/kill', { method: 'POST', body: stop, token })
    expect(response.status).toBe(403)
    expect(await db.stopOrder.count()).toBe(0)
    const me = (await (await portal.fetch('/api/v1/me', { token })).json()) as {
      permissions: string[]
      tokenId: string
    }
    expect(me.permissions).toEqual([...builder.permissions].toSorted())
    expect(me.tokenId).toMatch(/^[0-9a-f-]{36}$/)
  })

  apiTest('that has expired, was revoked or is made up opens nothing', async ({ db, portal }) => {
    const person = await makePerson(db)
    const permissions = ['agents:read']
    const ended = await makeToken(db, { personId: person.id, permissions, expiresAt: new Date(Date.now() - 1) })
    const revoked = await makeToken(db, { personId: person.id, permissions, revokedAt: new Date() })
    for (const token of [ended, revoked, 'wh_pat_made-up', `wh_pat_${'a'.repeat(43)}`]) {
      const response = await portal.fetch('/api/v1/agents', { token })
      expect(response.status).toBe(401)
      expect(((await response.json()) as Problem).type).toBe('urn:wheelhouse:problem:unauthenticated')
    }
  })

  apiTest('acts for the teams of its owner only', async ({ db, portal }) => {
    const lead = await makePerson(db, { roles: ['team_lead'] })
    const token = await makeToken(db, { personId: lead.id, permissions: allPermissions })
    const agent = await makeAgent(db)
    const suspend = (bearer: string) =>
      portal.fetch(`/api/v1/agents/${agent.id}/suspend`, {
        method: 'POST',
        body: { reason: 'to be tested' },
        token: bearer,
      })
    const refused = await suspend(token)
    expect(refused.status).toBe(403)
    expect(((await refused.json()) as Problem).rule).toBe('registry:own_team')

    await db.teamMember.create({ data: { teamId: agent.teamId, personId: lead.id } })
    expect((await suspend(token)).status).toBe(204)
    expect((await auditOf(db, agent.id)).map(({ event }) => event)).toContain('agent.suspended')
    const again = await suspend(token)
    expect(again.status).toBe(409)
    expect((await again.json()) as Problem).toMatchObject({ rule: 'lifecycle:suspend', detail: expect.any(String) })
  })

  apiTest('is made, listed and revoked over the API, and shown once', async ({ db, portal }) => {
    const person = await makePerson(db, { roles: ['builder'] })
    const own = await makeToken(db, { personId: person.id, permissions: ['tokens:own', 'agents:read'] })
    const wish = { name: 'ci', permissions: ['agents:read'], days: 7 }
    const created = await portal.fetch('/api/v1/tokens', { method: 'POST', body: wish, token: own })
    expect(created.status).toBe(201)
    const { token, tokenId } = (await created.json()) as { token: string; tokenId: string }
    expect((await portal.fetch('/api/v1/agents', { token })).status).toBe(200)

    const list = await (await portal.fetch('/api/v1/tokens', { token: own })).text()
    expect(list).toContain(tokenId)
    expect(list).not.toContain(token)

    const more = { name: 'more', permissions: ['runs:start'], days: 7 }
    const grabbed = await portal.fetch('/api/v1/tokens', { method: 'POST', body: more, token: own })
    expect(grabbed.status).toBe(422)
    expect(await grabbed.json()).toMatchObject({ errors: { permissions: [expect.stringContaining('runs:start')] } })

    expect((await portal.fetch(`/api/v1/tokens/${tokenId}`, { method: 'DELETE', token: own })).status).toBe(204)
    expect((await portal.fetch('/api/v1/agents', { token })).status).toBe(401)
    expect((await auditOf(db, person.id)).map(({ event }) => event)).toEqual(['token.created', 'token.revoked'])
  })

  apiTest('cannot be made without end: the twenty-first within the hour is refused', async ({ db, portal }) => {
    const person = await makePerson(db, { roles: ['builder'] })
    const own = await makeToken(db, { personId: person.id, permissions: ['tokens:own'] })
    const hour = 3_600_000
    const thisHour = Math.floor(Date.now() / hour) * hour
    // The hour may turn while the test runs.
    for (const start of [thisHour, thisHour + hour]) {
      const windowStart = new Date(start)
      await db.rateLimit.create({ data: { key: `new-token:${person.id}`, windowStart, count: 20 } })
    }
    const body = { name: 'many', permissions: ['tokens:own'], days: 1 }
    const refused = await portal.fetch('/api/v1/tokens', { method: 'POST', body, token: own })
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await db.accessToken.count({ where: { personId: person.id } })).toBe(1)
  })
})

function nameOf({ method, path }: Endpoint): string {
  return `${method} ${path}`
}

function pathOf({ path, example }: Endpoint): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => example?.params?.[name] ?? '')
  const query = new URLSearchParams(example?.query).toString()
  return query ? `${filled}?${query}` : filled
}

function sampleOf({ method, body, textBody, example }: Endpoint) {
  if (!body) return { method }
  return textBody ? { method, text: String(example?.body) } : { method, body: example?.body }
}
