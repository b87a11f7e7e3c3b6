import { expect } from 'vitest'
import { appPermissions } from '#lib/auth/rules/app-request.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, portalUrl } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { registerServerInput } from '#lib/registry/schema.ts'
import { personWithToken, post, registryPermissions } from '../testing/registry-client.ts'
import { startBroker } from '../testing/start-broker.ts'

const test = dbTest.extend('broker', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(broker.stop)
  return broker
})

test('whoever has no token is shown where to get one, and what to ask for', async ({ db, broker }) => {
  const answer = await post(broker.url, {})
  const metadataUrl = `${broker.url}/.well-known/oauth-protected-resource/mcp/registry`
  expect(answer.status).toBe(401)
  expect(answer.headers.get('www-authenticate')).toBe(
    `Bearer resource_metadata="${metadataUrl}", scope="${registryPermissions.join(' ')}"`,
  )
  expect(await (await fetch(metadataUrl)).json()).toMatchObject({
    resource: `${broker.url}/mcp/registry`,
    authorization_servers: [portalUrl],
    scopes_supported: ['agents:read', 'servers:read', 'fleet:read', 'runs:read'],
    bearer_methods_supported: ['header'],
  })
  // On record before it is answered.
  const event = 'mcp.caller_refused'
  const unknown = await db.auditEvent.findFirst({ where: { event, rule: 'token_missing' } })
  expect(unknown).toMatchObject({ decision: 'deny', actorKind: 'anonymous', subjectKind: 'address' })
  const { token, person } = await personWithToken(db, { permissions: ['tokens:own'] })
  const nothing = await post(broker.url, { token })
  expect([nothing.status, nothing.headers.get('www-authenticate')]).toMatchObject([
    403,
    expect.stringContaining('error="insufficient_scope"'),
  ])
  const known = await db.auditEvent.findFirst({ where: { event, rule: 'registry_nothing_allowed' } })
  expect(known).toMatchObject({ decision: 'deny', actorKind: 'person', actorId: person.id })
  const browser = await post(broker.url, { token, headers: { origin: 'https://elsewhere.test' } })
  expect(browser.status).toBe(403)
})

test('bad requests are refused before anything is asked: too large, too deep, no JSON, too many', async ({
  db,
  broker,
}) => {
  const { token } = await personWithToken(db)
  const deep = `${'['.repeat(40)}${']'.repeat(40)}`
  const refused: [number, string, Parameters<typeof post>[1]][] = [
    [413, 'request_too_large', { body: `"${'x'.repeat(70_000)}"` }],
    [400, 'request_too_deep', { body: deep }],
    [400, 'json_invalid', { body: '{' }],
    [400, 'number_inexact', { body: '{"id":9007199254740993}' }],
    [415, 'content_type_unsupported', { headers: { 'content-type': 'text/plain' } }],
  ]
  for (const [status, rule, options] of refused) {
    const answer = await post(broker.url, { token, ...options })
    const { error } = (await answer.json()) as { error: { data: { rule: string } } }
    expect([answer.status, error.data.rule]).toEqual([status, rule])
    expect(await db.auditEvent.count({ where: { event: 'mcp.caller_refused', rule } })).toBeGreaterThan(0)
  }
  // A machine that is busy answers so many in so long a time that they are not too many: then more are asked.
  let limited: Response | undefined
  await until(async () => {
    const many = await Promise.all(Array.from({ length: 200 }, () => post(broker.url, { token })))
    limited = many.find(({ status }) => status === 429)
    return limited !== undefined
  })
  expect(Number(limited?.headers.get('retry-after'))).toBeGreaterThan(0)
})

test('apps can be allowed exactly what the questions take', ({ broker }) => {
  expect(broker.url).toContain('http')
  expect(appPermissions).toEqual(registryPermissions)
})

test('no server can be registered under the name of the registry', async ({ db, broker }) => {
  expect(broker.url).toContain('http')
  expect(registerServerInput.shape.id.safeParse('registry').success).toBe(false)
  await expect(makeServer(db, { id: 'registry' })).rejects.toThrow(/McpServer_id_not_registry/)
})
