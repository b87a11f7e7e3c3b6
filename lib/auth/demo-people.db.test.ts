import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { createAccessToken, authenticateAccessToken } from './commands/tokens.ts'
import { actorForSession } from './queries.ts'

dbTest('where demo people may not sign in, what they signed in with before is worth nothing either', async ({ db }) => {
  const now = new Date()
  const demo = await makePerson(db, { roles: ['platform_admin'] })
  await db.person.update({ where: { id: demo.id }, data: { demo: true } })
  const real = await makePerson(db, { roles: ['platform_admin'] })
  for (const [person, known] of [
    [demo, false],
    [real, true],
  ] as const) {
    const { token } = await createAccessToken(ctxFor(db, person), { name: 't', permissions: ['agents:read'], days: 1 })
    const expiresAt = new Date(now.getTime() + 60_000)
    const session = await db.loginSession.create({ data: { personId: person.id, expiresAt } })
    const ask = { now, demoPeople: false }
    expect((await authenticateAccessToken(db, { token, ...ask })) !== null).toBe(known)
    expect((await actorForSession(db, { sessionId: session.id, ...ask })) !== null).toBe(known)
    expect(await authenticateAccessToken(db, { token, now, demoPeople: true })).not.toBeNull()
    expect(await actorForSession(db, { sessionId: session.id, now, demoPeople: true })).not.toBeNull()
  }
})
