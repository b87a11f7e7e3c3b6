import { expect } from 'vitest'
import { anonymous, type Ctx } from '#lib/auth/ctx.ts'
import { personas } from '#lib/auth/personas.ts'
import { actorForPerson, actorForSession } from '#lib/auth/queries.ts'
import type { OidcIdentity } from '#lib/auth/schema.ts'
import { invariant } from '#lib/core/errors.ts'
import type { Result } from '#lib/core/result.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { forgetLoginSessions, signInAsPersona, signInWithOidc, signOut } from './sign-in.ts'

const now = new Date('2026-11-22T12:00:00Z')
const groupRoles = [
  { group: 'leads', role: 'team_lead' },
  { group: 'sec', role: 'security' },
]
const noBrowser = { userAgent: null }

function visitor(db: Db): Ctx {
  return { db, actor: anonymous, now }
}

function identity(name: string, changes: Partial<OidcIdentity> = {}): OidcIdentity {
  return {
    issuer: 'https://id.example',
    subject: `sub-${name}`,
    email: `${name}@corp.example`,
    emailVerified: true,
    name,
    groups: [],
    ...changes,
  }
}

function signIn(db: Db, who: OidcIdentity) {
  return signInWithOidc(visitor(db), { ...who, groupRoles, userAgent: 'a browser' })
}

function valueOf<T>(result: Result<T, unknown>): T {
  invariant(result.ok, 'the sign-in succeeded')
  return result.value
}

function auditOf(db: Db, subjectId: string) {
  return db.auditEvent.findMany({
    where: { subjectId },
    orderBy: { seq: 'asc' },
    select: { event: true, detail: true, actorId: true, decision: true },
  })
}

dbTest('the first sign-in creates the person with the roles of their groups, and records all of it', async ({ db }) => {
  const { personId, sessionId } = valueOf(await signIn(db, identity('ada', { groups: ['leads', 'unheard-of'] })))
  const actor = await actorForSession(db, { sessionId, now })
  expect(actor).toMatchObject({ id: personId, name: 'ada', roles: ['team_lead'] })
  expect(actor?.permissions.has('agents:create')).toBe(true)
  expect(await auditOf(db, personId)).toEqual([
    {
      event: 'person.created',
      detail: { email: 'ada@corp.example', source: 'oidc' },
      actorId: personId,
      decision: null,
    },
    {
      event: 'person.roles_changed',
      detail: { before: [], after: ['team_lead'], source: 'oidc' },
      actorId: personId,
      decision: null,
    },
    { event: 'person.signed_in', detail: { method: 'oidc' }, actorId: personId, decision: null },
  ])
})

dbTest('each sign-in replaces the roles of the provider and leaves those set here', async ({ db }) => {
  const { personId } = valueOf(await signIn(db, identity('bea', { groups: ['leads'] })))
  await db.personRole.create({ data: { personId, role: 'finance', source: 'local' } })
  const { sessionId } = valueOf(await signIn(db, identity('bea', { groups: ['sec'] })))
  expect((await actorForSession(db, { sessionId, now }))?.roles).toEqual(['finance', 'security'])
  await signIn(db, identity('bea'))
  expect((await actorForPerson(db, personId))?.roles).toEqual(['finance'])
})

dbTest('somebody without a known group may sign in and do nothing', async ({ db }) => {
  const { personId } = valueOf(await signIn(db, identity('cyn', { groups: ['unheard-of'] })))
  expect((await actorForPerson(db, personId))?.permissions.size).toBe(0)
})

dbTest('a deactivated person is refused and their open sessions end', async ({ db }) => {
  const { personId, sessionId } = valueOf(await signIn(db, identity('dan')))
  await db.person.update({ where: { id: personId }, data: { active: false } })
  expect(await actorForSession(db, { sessionId, now })).toBeNull()
  expect(await signIn(db, identity('dan'))).toMatchObject({ ok: false, error: { reason: 'deactivated' } })
  expect(await db.loginSession.count({ where: { personId } })).toBe(1)
  expect(await auditOf(db, 'dan')).toMatchObject([
    { event: 'person.sign_in_refused', detail: { method: 'oidc', reason: 'deactivated' }, decision: 'deny' },
  ])
})

dbTest('an address of somebody else, or one not verified, lets nobody in', async ({ db }) => {
  await signIn(db, identity('eve'))
  const impostor = identity('eve2', { email: 'eve@corp.example' })
  expect(await signIn(db, impostor)).toMatchObject({ ok: false, error: { reason: 'email_taken' } })
  const unverified = identity('fay', { emailVerified: false })
  expect(await signIn(db, unverified)).toMatchObject({ ok: false, error: { reason: 'email_not_verified' } })
  expect(await db.person.findUnique({ where: { email: 'fay@corp.example' } })).toBeNull()
})

dbTest('two first sign-ins of one person at once make one person', async ({ db }) => {
  const who = identity('gil', { groups: ['sec'] })
  const outcomes = await Promise.all([signIn(db, who), signIn(db, who)])
  expect(new Set(outcomes.map((outcome) => valueOf(outcome).personId)).size).toBe(1)
})

dbTest('a demo persona signs in only where personas are allowed and the demo data has them', async ({ db }) => {
  const persona = personas[0]!
  const ask = { personId: persona.id, ...noBrowser }
  const missing = await signInAsPersona(visitor(db), { ...ask, personasAllowed: true })
  expect(missing).toMatchObject({ ok: false, error: { reason: 'unknown_persona' } })

  await db.person.create({
    data: {
      id: persona.id,
      email: persona.email,
      name: persona.name,
      demo: true,
      source: 'demo',
      roles: { create: { role: persona.role, source: 'demo' } },
    },
  })
  const off = await signInAsPersona(visitor(db), { ...ask, personasAllowed: false })
  expect(off).toMatchObject({ ok: false, error: { reason: 'personas_off' } })
  const { sessionId } = valueOf(await signInAsPersona(visitor(db), { ...ask, personasAllowed: true }))
  expect((await actorForSession(db, { sessionId, now }))?.roles).toEqual([persona.role])
})

dbTest('a real person is no persona, even when somebody sends their id', async ({ db }) => {
  const { personId } = valueOf(await signIn(db, identity('hal')))
  const outcome = await signInAsPersona(visitor(db), { personId, personasAllowed: true, ...noBrowser })
  expect(outcome).toMatchObject({ ok: false, error: { reason: 'unknown_persona' } })
})

dbTest('signing out ends the session for every copy of its cookie, once', async ({ db }) => {
  const { personId, sessionId } = valueOf(await signIn(db, identity('ida')))
  const actor = (await actorForPerson(db, personId))!
  await signOut({ db, actor, now }, { sessionId })
  await signOut({ db, actor, now }, { sessionId })
  expect(await actorForSession(db, { sessionId, now })).toBeNull()
  expect((await auditOf(db, personId)).filter(({ event }) => event === 'person.signed_out')).toHaveLength(1)
})

dbTest('a session ends by itself after twelve hours', async ({ db }) => {
  const { sessionId } = valueOf(await signIn(db, identity('jon')))
  const hours = (count: number) => new Date(now.getTime() + count * 3_600_000)
  expect(await actorForSession(db, { sessionId, now: hours(11.9) })).not.toBeNull()
  expect(await actorForSession(db, { sessionId, now: hours(12) })).toBeNull()
})

dbTest('who is taken out of every group with a role has left, and is back with the next group', async ({ db }) => {
  const name = `gone-${crypto.randomUUID().slice(0, 8)}`
  const { personId, sessionId } = valueOf(await signIn(db, identity(name, { groups: ['leads'] })))
  expect(await signIn(db, identity(name, { groups: ['canteen'] }))).toMatchObject({
    ok: false,
    error: { reason: 'no_groups' },
  })
  const left = { active: false, deactivatedAt: now, deactivatedBecause: 'groups' }
  expect(await db.person.findUnique({ where: { id: personId } })).toMatchObject(left)
  expect(await actorForSession(db, { sessionId, now })).toBeNull()
  expect(await signIn(db, identity(name))).toMatchObject({ ok: false, error: { reason: 'deactivated' } })
  valueOf(await signIn(db, identity(name, { groups: ['sec'] })))
  expect(await actorForPerson(db, personId)).toMatchObject({ roles: ['security'] })
  expect((await auditOf(db, personId)).map(({ event }) => event)).toEqual([
    'person.created',
    'person.roles_changed',
    'person.signed_in',
    'person.roles_changed',
    'person.deactivated',
    'person.reactivated',
    'person.roles_changed',
    'person.signed_in',
  ])
  // What an admin has ended, groups do not bring back; and who has a role from here does not leave with the groups.
  await db.person.update({ where: { id: personId }, data: { active: false, deactivatedBecause: 'admin' } })
  expect(await signIn(db, identity(name, { groups: ['sec'] }))).toMatchObject({ ok: false })
  await db.person.update({ where: { id: personId }, data: { active: true, deactivatedBecause: null } })
  await db.personRole.create({ data: { personId, role: 'builder', source: 'local' } })
  expect(valueOf(await signIn(db, identity(name)))).toMatchObject({ personId })
})

dbTest('a session is forgotten a month after it has expired, and none before', async ({ db }) => {
  const { sessionId } = valueOf(await signIn(db, identity('forgotten')))
  const { expiresAt } = await db.loginSession.findUniqueOrThrow({ where: { id: sessionId } })
  const isThere = async () => (await db.loginSession.count({ where: { id: sessionId } })) === 1
  const afterDays = (days: number) => new Date(expiresAt.getTime() + days * 86_400_000)
  await forgetLoginSessions(db, afterDays(29))
  expect(await isThere()).toBe(true)
  await forgetLoginSessions(db, afterDays(31))
  expect(await isThere()).toBe(false)
})
