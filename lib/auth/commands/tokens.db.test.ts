import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { Actor } from '#lib/auth/ctx.ts'
import { listAccessTokens } from '#lib/auth/queries.ts'
import { hashToken } from '#lib/core/secret-box.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { authenticateAccessToken, createAccessToken, ensureAdminToken, revokeAccessToken } from './tokens.ts'

const now = new Date('2026-11-22T12:00:00Z')
const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000)
const input = { name: 'laptop', permissions: ['agents:read', 'runs:start'], days: 30 }

function permissionsOf(actor: Actor | null): string[] | null {
  return actor?.kind === 'person' ? [...actor.permissions].toSorted() : null
}

dbTest('a token does what was chosen, is stored as a hash only, and is recorded', async ({ db }) => {
  const person = await makePerson(db, { roles: ['builder'] })
  const { tokenId, token, expiresAt } = await createAccessToken(ctxFor(db, person, now), input)
  expect(token).toMatch(/^wh_pat_[\w-]{43}$/)
  expect(expiresAt).toEqual(inDays(30))

  const actor = await authenticateAccessToken(db, { token, now })
  expect(actor).toMatchObject({ id: person.id, tokenId })
  expect(permissionsOf(actor)).toEqual(['agents:read', 'runs:start'])

  const row = await db.accessToken.findUniqueOrThrow({ where: { id: tokenId } })
  expect(row.hash).toBe(hashToken(token))
  expect(JSON.stringify(row)).not.toContain(token)
  const events = await db.auditEvent.findMany({ where: { subjectId: person.id } })
  expect(events.map(({ event }) => event)).toEqual(['token.created'])
  expect(JSON.stringify(events.map(({ detail }) => detail))).not.toContain(token)
})

dbTest('a token can do no more than its owner can, at any time', async ({ db }) => {
  const person = await makePerson(db, { roles: ['builder'] })
  const greedy = { ...input, permissions: ['agents:read', 'stops:order'] }
  await expect(createAccessToken(ctxFor(db, person, now), greedy)).rejects.toMatchObject({ code: 'invalid' })
  await expect(
    createAccessToken(ctxFor(db, person, now), { ...input, permissions: ['everything'] }),
  ).rejects.toMatchObject({ code: 'invalid' })

  const { token } = await createAccessToken(ctxFor(db, person, now), input)
  await db.personRole.deleteMany({ where: { personId: person.id } })
  await db.personRole.create({ data: { personId: person.id, role: 'finance', source: 'local' } })
  expect(permissionsOf(await authenticateAccessToken(db, { token, now }))).toEqual(['agents:read'])
})

dbTest('a token made with a token can do no more and lasts no longer, and ends with it', async ({ db }) => {
  const person = await makePerson(db, { roles: ['builder'] })
  const withToken = async (token: string) => {
    const actor = await authenticateAccessToken(db, { token, now })
    return { ...ctxFor(db, person, now), actor: actor! }
  }
  const permissions = ['agents:read', 'tokens:own']
  const first = await createAccessToken(ctxFor(db, person, now), { name: 'ci', permissions, days: 7 })
  const byFirst = await withToken(first.token)
  const beyond = createAccessToken(byFirst, { name: 'more', permissions: ['runs:start'], days: 1 })
  await expect(beyond).rejects.toMatchObject({ code: 'invalid', details: { field: 'permissions' } })

  const child = await createAccessToken(byFirst, { name: 'child', permissions, days: 365 })
  expect(child.expiresAt).toEqual(inDays(7))
  const shorter = await createAccessToken(byFirst, { name: 'shorter', permissions, days: 2 })
  expect(shorter.expiresAt).toEqual(inDays(2))
  const grandchild = await createAccessToken(await withToken(child.token), { name: 'third', permissions, days: 30 })

  await revokeAccessToken(ctxFor(db, person, now), { tokenId: child.tokenId })
  expect(await authenticateAccessToken(db, { token: grandchild.token, now })).toBeNull()
  expect(await authenticateAccessToken(db, { token: shorter.token, now })).not.toBeNull()
  await revokeAccessToken(ctxFor(db, person, now), { tokenId: first.tokenId })
  expect(await authenticateAccessToken(db, { token: shorter.token, now })).toBeNull()
  const revoked = await db.auditEvent.count({ where: { subjectId: person.id, event: 'token.revoked' } })
  expect(revoked).toBe(4)
  await expect(createAccessToken(byFirst, { ...input, permissions })).rejects.toMatchObject({ code: 'unauthenticated' })
})

dbTest('a token being made while the one it is made with is revoked does not live on', async ({ db }) => {
  const person = await makePerson(db, { roles: ['builder'] })
  const ctx = ctxFor(db, person, now)
  const permissions = ['agents:read', 'tokens:own']
  const parent = await createAccessToken(ctx, { name: 'ci', permissions, days: 7 })
  const actor = (await authenticateAccessToken(db, { token: parent.token, now }))!
  const [made] = await Promise.allSettled([
    createAccessToken({ ...ctx, actor }, { name: 'child', permissions, days: 7 }),
    revokeAccessToken(ctx, { tokenId: parent.tokenId }),
  ])
  if (made.status === 'fulfilled') {
    expect(await authenticateAccessToken(db, { token: made.value.token, now })).toBeNull()
  }
})

dbTest('somebody without a role gets no token: tokens:own is refused', async ({ db }) => {
  const person = await makePerson(db, { roles: [] })
  const ctx = ctxFor(db, person, now)
  await expect(createAccessToken(ctx, input)).rejects.toMatchObject({ code: 'forbidden' })
  await expect(revokeAccessToken(ctx, { tokenId: crypto.randomUUID() })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(listAccessTokens(ctx)).rejects.toMatchObject({ code: 'forbidden' })
})

dbTest('expired, revoked, malformed and unknown tokens and those of deactivated people are nobody', async ({ db }) => {
  const person = await makePerson(db, { roles: ['builder'] })
  const ctx = ctxFor(db, person, now)
  const { token, tokenId } = await createAccessToken(ctx, input)
  expect(await authenticateAccessToken(db, { token, now: inDays(30) })).toBeNull()
  for (const wrong of ['', 'x', `${token}x`, `wh_pat_${'A'.repeat(43)}`, token.toUpperCase()]) {
    expect(await authenticateAccessToken(db, { token: wrong, now })).toBeNull()
  }

  await db.person.update({ where: { id: person.id }, data: { active: false } })
  expect(await authenticateAccessToken(db, { token, now })).toBeNull()
  await db.person.update({ where: { id: person.id }, data: { active: true } })

  await revokeAccessToken(ctx, { tokenId })
  await revokeAccessToken(ctx, { tokenId })
  expect(await authenticateAccessToken(db, { token, now })).toBeNull()
  const revoked = await db.auditEvent.findMany({ where: { subjectId: person.id, event: 'token.revoked' } })
  expect(revoked).toHaveLength(1)
})

dbTest("people see and revoke their own tokens, never somebody else's", async ({ db }) => {
  const [owner, other] = [
    await makePerson(db, { roles: ['builder'] }),
    await makePerson(db, { roles: ['platform_admin'] }),
  ]
  const { tokenId } = await createAccessToken(ctxFor(db, owner, now), input)
  expect(await listAccessTokens(ctxFor(db, other, now))).toEqual([])
  await expect(revokeAccessToken(ctxFor(db, other, now), { tokenId })).rejects.toMatchObject({ code: 'not_found' })
  expect(await listAccessTokens(ctxFor(db, owner, now))).toMatchObject([
    { id: tokenId, state: 'active', name: 'laptop' },
  ])
})

dbTest('the use of a token is noted at most once a minute', async ({ db }) => {
  const person = await makePerson(db, { roles: ['builder'] })
  const { token, tokenId } = await createAccessToken(ctxFor(db, person, now), input)
  const used = async () => (await db.accessToken.findUniqueOrThrow({ where: { id: tokenId } })).lastUsedAt
  await authenticateAccessToken(db, { token, now })
  await authenticateAccessToken(db, { token, now: new Date(now.getTime() + 59_000) })
  expect(await used()).toEqual(now)
  const minute = new Date(now.getTime() + 60_000)
  await authenticateAccessToken(db, { token, now: minute })
  expect(await used()).toEqual(minute)
})

dbTest(
  'the admin token of this machine is readable by its owner only, kept while it works, and replaced when not',
  async ({ db }) => {
    const home = await mkdtemp(join(tmpdir(), 'wheelhouse-home-'))
    onTestFinished(() => rm(home, { recursive: true }))
    const { path } = await ensureAdminToken(db, home)
    const first = (await readFile(path, 'utf8')).trim()
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const actor = await authenticateAccessToken(db, { token: first, now: new Date() })
    expect(actor).toMatchObject({ kind: 'person', roles: ['platform_admin'] })

    await ensureAdminToken(db, home)
    expect((await readFile(path, 'utf8')).trim()).toBe(first)

    await db.accessToken.updateMany({
      where: { hash: hashToken(first) },
      data: { expiresAt: new Date(Date.now() + 86_400_000) },
    })
    await ensureAdminToken(db, home)
    const second = (await readFile(path, 'utf8')).trim()
    expect(second).not.toBe(first)
    expect(await authenticateAccessToken(db, { token: first, now: new Date() })).toBeNull()
    expect(await authenticateAccessToken(db, { token: second, now: new Date() })).not.toBeNull()
  },
)
