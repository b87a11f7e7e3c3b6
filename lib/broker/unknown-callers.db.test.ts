import { generateKeyPair, SignJWT } from 'jose'
import { expect } from 'vitest'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { platformKey, signed, tokenClaims } from '#lib/dev/test/forged-tokens.ts'
import { freePort } from '#lib/dev/ports.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(broker.stop)
  return { broker }
})

async function foreignToken(claims: { iss: string; sub: string }): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256')
  return await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(claims.iss)
    .setSubject(claims.sub)
    .setExpirationTime('1h')
    .sign(privateKey)
}

test('a caller with a token of somebody else is noted once, counted, as claimed only; our own tokens are not', async ({
  db,
  world,
}) => {
  const token = await foreignToken({ iss: 'https://idp.elsewhere.test', sub: 'shadow-agent' })
  for (let calls = 0; calls < 5; calls += 1) await postCall(world, { token })
  const ours = await foreignToken({ iss: portalUrl, sub: 'agent-that-is-registered' })
  await postCall(world, { token: ours })
  await postCall(world, { token: 'not-a-token' })
  await postCall(world, {})
  const key = 'https://idp.elsewhere.test shadow-agent'
  await until(async () => (await db.unregisteredAgent.count({ where: { key } })) === 1)
  expect(await db.unregisteredAgent.findMany()).toMatchObject([
    {
      source: 'broker',
      key,
      name: 'shadow-agent',
      verified: false,
      count: 5,
      detail: { issuer: 'https://idp.elsewhere.test', address: expect.stringContaining('127.0.0.1') as string },
    },
  ])
  expect(JSON.stringify(await db.unregisteredAgent.findMany())).not.toContain(token)
})

test('a token of ours for an agent that is not registered is noted as vouched for', async ({ db, world }) => {
  const agent = await makeAgent(db)
  // So that there is a key to sign with.
  await sessionToken(db, world.broker.url, agent)
  await world.broker.broker.keeper.refresh()
  const { privateKey, kid } = await platformKey(db)
  const claims = tokenClaims(world.broker.url, { sub: 'never-registered' })
  const token = await signed({ privateKey, claims, header: { kid } })
  expect((await postCall(world, { token })).status).toBe(403)
  const where = { key: 'agent never-registered' }
  await until(async () => (await db.unregisteredAgent.count({ where })) === 1)
  expect(await db.unregisteredAgent.findFirst({ where })).toMatchObject({ source: 'broker', verified: true, count: 1 })
})

test('whoever makes up names by the hundred gets one row for most of them', async ({ db, world }) => {
  const before = await db.unregisteredAgent.count()
  const { privateKey } = await generateKeyPair('ES256')
  const made = (at: number) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('https://flood.test')
      .setSubject(`made-up-${at}`)
      .sign(privateKey)
  for (let at = 0; at < 120; at += 1) await postCall(world, { token: await made(at) })
  await until(async () => (await db.unregisteredAgent.count({ where: { key: '(others)' } })) === 1)
  // Fifty a window at most, and the one that stands for the rest.
  const windows = 3
  expect((await db.unregisteredAgent.count()) - before).toBeLessThanOrEqual(50 * windows + 1)
})
