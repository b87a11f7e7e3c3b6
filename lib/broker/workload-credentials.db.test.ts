import { afterEach, expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { startWorkloadWorld, workload, type WorkloadWorld } from '#lib/dev/test/workload.ts'
import {
  type CredentialSettings,
  type SetServerCredentialInput,
  setServerCredentialInput,
} from '#lib/registry/schema.ts'
import { workloadToken } from '#lib/upstreams/commands.ts'
import { broker, call, registered, secretBox, set, stateOf, stopAll, stops } from './testing/credential-world.ts'

afterEach(stopAll)

async function started(): Promise<WorkloadWorld> {
  const world = await startWorkloadWorld()
  stops.push(() => world.stop())
  return world
}

function signing(serverId: string, { issuer, privateKey }: WorkloadWorld): SetServerCredentialInput {
  return { serverId, kind: 'oauth_workload', ...workload, issuer, privateKey }
}

function given(serverId: string, { issuer }: WorkloadWorld, assertion: string): SetServerCredentialInput {
  return { serverId, kind: 'oauth_workload', clientId: workload.clientId, issuer, assertion }
}

dbTest(
  'what the platform is becomes a token for the server, with nothing secret known there',
  async ({ db, databaseUrl }) => {
    const world = await started()
    const { serverId, agent } = await registered(db, world.url)
    await set(db, signing(serverId, world))
    const at = await broker(db, databaseUrl)
    for (let times = 0; times < 2; times += 1) {
      expect((await call(db, at, { serverId, agent })).text).toContain('to a workload')
    }
    expect(world.asked).toEqual(['jwt-bearer'])
    const row = await stateOf(db, serverId)
    expect(row).toMatchObject({ lastError: null, settings: { ...workload, issuer: world.issuer } })
    const shown = JSON.stringify([row.settings, row.reason, await db.auditEvent.findMany({ select: { detail: true } })])
    expect(shown).not.toContain('PRIVATE KEY')
  },
)

dbTest(
  'an assertion is shown once for all brokers, and a signing key makes the next one',
  async ({ db, databaseUrl }) => {
    const world = await started()
    const { serverId, agent } = await registered(db, world.url)
    await set(db, signing(serverId, world))
    const brokers = [await broker(db, databaseUrl), await broker(db, databaseUrl)]
    const ask = async () => Promise.all(brokers.map((at) => call(db, at, { serverId, agent })))
    for (const { text } of await ask()) expect(text).toContain('to a workload')
    expect(world.asked).toEqual(['jwt-bearer'])
    world.revokeAll()
    for (const { text } of await ask()) expect(text).toContain('to a workload')
    expect(world.asked).toEqual(['jwt-bearer', 'jwt-bearer'])
    expect((await stateOf(db, serverId)).lastError).toBeNull()
  },
)

dbTest('a JWT that was given goes as long as it says, and that it is used up is said', async ({ db, databaseUrl }) => {
  const world = await started()
  const { serverId, agent } = await registered(db, world.url)
  const assertion = await world.assertion()
  await set(db, given(serverId, world, assertion))
  const at = await broker(db, databaseUrl)
  expect((await call(db, at, { serverId, agent })).text).toContain('to a workload')
  const row = await stateOf(db, serverId)
  expect(row.expiresAt!.getTime()).toBeGreaterThan(Date.now())
  const shown = JSON.stringify([row.settings, await db.auditEvent.findMany({ select: { detail: true } })])
  expect(shown).not.toContain(assertion)
  world.revokeAll()
  expect((await call(db, at, { serverId, agent })).rule).toBe('credential_refused')
  expect((await stateOf(db, serverId)).lastError).toContain('invalid_grant')
})

dbTest('a refusal is final: the assertion is neither shown again nor the grant changed', async ({ db }) => {
  const world = await started()
  const { serverId } = await registered(db, world.url)
  world.refuseWith = 'unauthorized_client'
  await set(db, signing(serverId, world))
  const { id: credentialId, settings } = await stateOf(db, serverId)
  const wanted = { credentialId, serverUrl: world.url, settings: settings as CredentialSettings }
  const token = workloadToken(
    ctxFor(db, systemActor('broker')),
    { secretBox, exclusively: (_, work) => work() },
    { ...wanted, refused: null, challenge: null, heldScope: null },
  )
  await expect(token).rejects.toMatchObject({ details: { oauthError: 'unauthorized_client' } })
  expect(world.asked).toEqual(['jwt-bearer'])
})

dbTest('only the authorization server that was set gets an assertion', async ({ db, databaseUrl }) => {
  const [world, other] = [await started(), await started()]
  const { serverId } = await registered(db, world.url)
  await set(db, signing(serverId, { ...world, issuer: other.issuer }))
  const at = await broker(db, databaseUrl)
  await expect(at.broker.discovery.discover(at.broker.keeper.view.servers.get(serverId)!)).rejects.toThrow()
  expect([...world.asked, ...other.asked]).toEqual([])
  expect((await stateOf(db, serverId)).lastError).toContain('another authorization server')
})

dbTest('it is a JWT in force or a key that says who vouches for whom', async ({ db }) => {
  const world = await started()
  const { serverId } = await registered(db, world.url)
  const fieldOf = (input: unknown) => setServerCredentialInput.safeParse(input).error?.issues[0]?.path[0]
  const key = signing(serverId, world)
  expect(fieldOf(key)).toBeUndefined()
  expect(fieldOf({ ...key, assertion: 'a' })).toBe('assertion')
  expect(fieldOf({ ...key, privateKey: undefined })).toBe('assertion')
  expect(fieldOf({ ...key, subject: undefined })).toBe('subject')
  expect(fieldOf({ ...given(serverId, world, 'a'), workloadIssuer: 'x' })).toBe('workloadIssuer')
  expect(fieldOf({ ...key, issuer: undefined })).toBe('issuer')
  await expect(set(db, given(serverId, world, await world.assertion(-5)))).rejects.toMatchObject({
    details: { field: 'assertion' },
  })
  await expect(set(db, given(serverId, world, 'no-jwt'))).rejects.toMatchObject({ details: { field: 'assertion' } })
  const wrong = { ...key, privateKey: '-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----' }
  await expect(set(db, wrong as SetServerCredentialInput)).rejects.toMatchObject({ details: { field: 'privateKey' } })
})
