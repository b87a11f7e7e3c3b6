import { afterEach, expect } from 'vitest'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { type Enterprise, enterpriseClient, idpClient, startEnterprise } from '#lib/dev/test/enterprise.ts'
import { type SetServerCredentialInput, setServerCredentialInput } from '#lib/registry/schema.ts'
import { broker, call, registered, set, stateOf, stopAll, stops } from './testing/credential-world.ts'

afterEach(stopAll)

async function enterprise(): Promise<Enterprise> {
  const started = await startEnterprise()
  stops.push(() => started.stop())
  return started
}

type Identity = { idToken: string } | { refreshToken: string }

function credential(serverId: string, { idpIssuer, issuer }: Enterprise, identity: Identity): SetServerCredentialInput {
  return { serverId, kind: 'oauth_enterprise', ...enterpriseClient, ...idpClient, idpIssuer, issuer, ...identity }
}

dbTest(
  'an identity of the identity provider becomes a token for the server, without a person',
  async ({ db, databaseUrl }) => {
    const world = await enterprise()
    const { serverId, agent } = await registered(db, world.url)
    const idToken = await world.idToken()
    await set(db, credential(serverId, world, { idToken }))
    const at = await broker(db, databaseUrl)
    expect((await call(db, at, { serverId, agent })).text).toContain('by the identity provider')
    expect((await call(db, at, { serverId, agent })).text).toContain('by the identity provider')
    expect(world.granted).toEqual(['token-exchange', 'jwt-bearer'])
    const row = await stateOf(db, serverId)
    expect(row).toMatchObject({ lastError: null, settings: { idpIssuer: world.idpIssuer, clientId: 'wheelhouse' } })
    // It goes as long as the ID token does, which is said on the page.
    expect(row.expiresAt!.getTime()).toBeGreaterThan(Date.now())
    const everything = JSON.stringify([
      row.settings,
      row.reason,
      await db.auditEvent.findMany({ select: { detail: true } }),
    ])
    for (const secret of [idToken, enterpriseClient.clientSecret, idpClient.idpClientSecret]) {
      expect(everything).not.toContain(secret)
    }
  },
)

dbTest('a refresh token is used once for all brokers, and the next one is kept', async ({ db, databaseUrl }) => {
  const world = await enterprise()
  const { serverId, agent } = await registered(db, world.url)
  await set(db, credential(serverId, world, { refreshToken: world.refreshToken() }))
  const brokers = [await broker(db, databaseUrl), await broker(db, databaseUrl)]
  const ask = async () => Promise.all(brokers.map((at) => call(db, at, { serverId, agent })))
  const once = ['refresh_token', 'token-exchange', 'jwt-bearer']
  for (const { text } of await ask()) expect(text).toContain('by the identity provider')
  expect(world.granted).toEqual(once)
  world.revokeAll()
  for (const { text } of await ask()) expect(text).toContain('by the identity provider')
  expect(world.granted).toEqual([...once, ...once])
  expect((await stateOf(db, serverId)).lastError).toBeNull()
})

dbTest(
  'what the identity provider does not allow is refused by name, and its refresh token is not lost',
  async ({ db, databaseUrl }) => {
    const world = await enterprise()
    const { serverId, agent } = await registered(db, world.url)
    world.allowed = false
    await set(db, credential(serverId, world, { refreshToken: world.refreshToken() }))
    const at = await broker(db, databaseUrl)
    // Its tools could not be listed either, so the agent is told of the tool only later.
    await expect(at.broker.discovery.discover(at.broker.keeper.view.servers.get(serverId)!)).rejects.toThrow()
    await until(async () => (await stateOf(db, serverId)).lastError !== null)
    expect(world.granted).toContain('refresh_token')
    world.allowed = true
    expect((await call(db, at, { serverId, agent })).text).toContain('by the identity provider')
  },
)

dbTest('an identity is one of the two, and in force', async ({ db }) => {
  const world = await enterprise()
  const { serverId } = await registered(db, world.url)
  const both = { ...credential(serverId, world, { idToken: 'a' }), refreshToken: 'b' }
  expect(setServerCredentialInput.safeParse(both).error?.issues[0]?.path).toEqual(['refreshToken'])
  const ended = credential(serverId, world, { idToken: await world.idToken(-5) })
  await expect(set(db, ended)).rejects.toMatchObject({ details: { field: 'idToken' } })
  const none = credential(serverId, world, { idToken: 'no-jwt' })
  await expect(set(db, none)).rejects.toMatchObject({ details: { field: 'idToken' } })
})
