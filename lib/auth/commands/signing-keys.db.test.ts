import { randomBytes, randomUUID } from 'node:crypto'
import { decodeProtectedHeader } from 'jose'
import { expect } from 'vitest'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { type Ctx, systemActor } from '../ctx.ts'
import { permissionsOf } from '../permissions.ts'
import { listSigningKeys } from '../queries.ts'
import { answerJwksRequest, createTokenIssuer, mintSessionToken } from './agent-tokens.ts'
import { rotateSigningKey } from './signing-keys.ts'

const secretBox = createSecretBox(randomBytes(32).toString('base64'))
const issuer = createTokenIssuer({ url: 'http://localhost:3000', brokerUrl: 'http://localhost:7400', secretBox })
const began = Date.parse('2026-11-22T10:00:00Z')
const minute = 60_000

function at(db: Db, ms: number, roles?: string[]): Ctx {
  const person = { kind: 'person', id: randomUUID(), name: 'Ada', email: 'ada@example.test', teamIds: [] } as const
  const actor = roles ? { ...person, roles, permissions: permissionsOf(roles) } : systemActor('worker')
  return { db, actor, now: new Date(began + ms) }
}

async function kidAt(db: Db, ms: number, agent: { agentId: string; runId: string }): Promise<string> {
  const minted = await mintSessionToken(at(db, ms), { issuer, ...agent, version: 1 })
  if (!minted.ok) throw new Error(minted.error.message)
  return decodeProtectedHeader(minted.value.token).kid!
}

async function published(db: Db, ms: number) {
  const answer = await answerJwksRequest(at(db, ms))
  const age = Number(/max-age=(\d+)/.exec(answer.headers.get('cache-control') ?? '')?.[1])
  return { age, kids: ((await answer.json()) as { keys: { kid: string }[] }).keys.map((key) => key.kid) }
}

dbTest(
  'a new key is published for longer than anybody keeps the set before it signs, the old one until its last token is gone',
  async ({ db }) => {
    const agent = await makeAgent(db)
    const old = await kidAt(db, 0, agent)
    const { kid: next, signsFrom } = await rotateSigningKey(at(db, minute, ['platform_admin']), {
      secretBox,
      reason: 'quarterly',
      withdraw: false,
    })
    const before = await published(db, minute)
    expect(before.kids).toEqual([next, old])
    const signsFromMs = signsFrom.getTime() - began
    // Who fetched the set a moment before the rotation asks again before the new key signs.
    expect(signsFromMs - minute).toBeGreaterThan(before.age * 1000)
    expect(await kidAt(db, signsFromMs - 1, agent)).toBe(old)
    expect(await kidAt(db, signsFromMs, agent)).toBe(next)
    expect(await listSigningKeys(at(db, signsFromMs))).toMatchObject([
      { kid: next, state: 'signing', algorithm: 'EdDSA', lastUsedAt: signsFrom },
      // It signed again a moment before, and that is kept to the minute.
      { kid: old, state: 'verifying', algorithm: 'EdDSA', lastUsedAt: new Date(began + signsFromMs - 1) },
    ])
    expect(JSON.stringify(await listSigningKeys(at(db, signsFromMs)))).not.toMatch(/"d"|cipher|private/i)
    expect((await published(db, signsFromMs + 15 * minute)).kids).toContain(old)
    expect((await published(db, signsFromMs + 17 * minute)).kids).toEqual([next])
    const row = await db.auditEvent.findFirstOrThrow({ where: { event: 'signing_key.rotated' } })
    expect(row.detail).toMatchObject({
      kid: next,
      reason: 'quarterly',
      withdrawn: [],
      signsFrom: signsFrom.toISOString(),
    })
  },
)

dbTest(
  'withdrawing ends the old keys at once, the new one signs, and open runs are due for a new token',
  async ({ db }) => {
    const agent = await makeAgent(db)
    const old = await kidAt(db, 0, agent)
    await db.run.update({ where: { id: agent.runId }, data: { tokenExpiresAt: new Date(began + 15 * minute) } })
    const { kid, withdrawn } = await rotateSigningKey(at(db, minute), { secretBox, reason: 'leaked', withdraw: true })
    expect(withdrawn).toContain(old)
    expect(await kidAt(db, minute, agent)).toBe(kid)
    expect((await published(db, minute)).kids).toEqual([kid])
    const run = await db.run.findUniqueOrThrow({ where: { id: agent.runId } })
    expect(run.tokenExpiresAt).toEqual(new Date(began + minute))
    expect((await listSigningKeys(at(db, minute))).find((key) => key.kid === old)?.state).toBe('withdrawn')
  },
)

dbTest('two rotations at once make two keys, and one signs', async ({ db }) => {
  const agent = await makeAgent(db)
  const rotate = () => rotateSigningKey(at(db, 0), { secretBox, reason: 'at once', withdraw: false })
  const [first, second] = await Promise.all([rotate(), rotate()])
  expect(first.kid).not.toBe(second.kid)
  const later = 10 * minute
  const kids = await Promise.all([1, 2, 3].map(() => kidAt(db, later, agent)))
  expect(new Set(kids).size).toBe(1)
  expect([first.kid, second.kid]).toContain(kids[0])
  expect(await db.signingKey.count({ where: { retiredAt: null } })).toBe(1)
})

dbTest('only who may rotate keys sees and rotates them', async ({ db }) => {
  const before = await db.signingKey.findMany()
  const input = { secretBox, reason: 'curious', withdraw: true }
  const rotating = rotateSigningKey(at(db, 0, ['builder', 'on_call', 'team_lead', 'finance']), input)
  await expect(rotating).rejects.toMatchObject({ code: 'forbidden' })
  await expect(listSigningKeys(at(db, 0, ['builder']))).rejects.toMatchObject({ code: 'forbidden' })
  expect(await db.signingKey.findMany()).toEqual(before)
})
