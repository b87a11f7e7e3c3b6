import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import { permissions as allPermissions } from '#lib/auth/permissions.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'

const test = dbTest.extend('call', async ({ database }, { onCleanup }) => {
  const portal = await (await openApiPortal(database)).listen()
  onCleanup(() => portal.close())
  const tokenOf = async (role: 'platform_admin' | 'builder') => {
    const person = await makePerson(database.db, { roles: [role] })
    return await makeToken(database.db, { personId: person.id, permissions: allPermissions })
  }
  const tokens = { platform_admin: await tokenOf('platform_admin'), builder: await tokenOf('builder') }
  return async (
    path: string,
    options: { method?: string; body?: unknown; as?: keyof typeof tokens } = {},
  ): Promise<{ status: number; json: Record<string, unknown> }> => {
    const { method = 'GET', body, as = 'platform_admin' } = options
    const response = await fetch(`${portal.url}/api/v1/webhooks${path}`, {
      method,
      headers: {
        authorization: `Bearer ${tokens[as]}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, json: text ? (JSON.parse(text) as Record<string, unknown>) : {} }
  }
})

test('a webhook is made, changed, tested, replayed, rotated and deleted; its secrets are answered once', async ({
  call,
}) => {
  const receiver = createServer((_, response) => response.end())
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`
  const made = await call('', { method: 'POST', body: { url, events: ['stop.*'] } })
  expect(made).toMatchObject({ status: 201, json: { secret: expect.stringMatching(/^whsec_[\w+/]{43}=$/) } })
  const path = `/${String(made.json['webhookId'])}`
  expect((await call(path, { method: 'PATCH', body: { enabled: false } })).status).toBe(204)
  expect((await call(path)).json).toMatchObject({ url, enabled: false, events: ['stop.*'] })
  const tested = await call(`${path}/test`, { method: 'POST' })
  const { json: log } = await call(`${path}/deliveries?state=pending`)
  expect(log).toMatchObject({ items: [{ id: tested.json['deliveryId'], event: 'webhook.tested' }], nextCursor: null })
  const again = { method: 'POST', body: { deliveryId: tested.json['deliveryId'] } }
  expect(await call(`${path}/replay`, again)).toMatchObject({ status: 409, json: { rule: 'webhook:switched_off' } })
  await call(path, { method: 'PATCH', body: { enabled: true } })
  const replayed = await call(`${path}/replay`, again)
  expect(replayed).toMatchObject({ status: 200, json: { replayed: 1 } })
  const rotated = await call(`${path}/secret`, { method: 'POST' })
  expect(rotated).toMatchObject({ status: 201, json: { secret: expect.stringMatching(/^whsec_/) } })
  const shown = JSON.stringify([(await call('')).json, (await call(path)).json])
  for (const { json } of [made, rotated]) expect(shown).not.toContain(String(json['secret']).slice(6))
  expect((await call(path, { method: 'DELETE' })).status).toBe(204)
  expect((await call(path)).status).toBe(404)
  receiver.close()
})

test('what is wrong is named by its field, and who may not is told', async ({ call }) => {
  const wrong = await call('', { method: 'POST', body: { url: 'ftp://example.com', events: [] } })
  expect(wrong).toMatchObject({
    status: 422,
    json: { errors: { url: [expect.any(String)], events: [expect.any(String)] } },
  })
  const plain = await call('', { method: 'POST', body: { url: 'http://example.com/', events: ['*'] } })
  expect(plain).toMatchObject({ status: 422, json: { detail: expect.stringContaining('https') } })
  const refused = await call('', { as: 'builder' })
  expect(refused).toMatchObject({ status: 403, json: { rule: 'permission:webhooks:manage' } })
})
