import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { remindOfScopes } from './commands.ts'

const now = new Date('2026-11-22T10:00:00Z')
const later = (hours: number) => new Date(now.getTime() + hours * 3_600_000)

dbTest('warns of what another grant covered once that one is taken away', async ({ db }) => {
  const { id: agentId } = await makeAgent(db)
  const serverId = await makeServer(db)
  const ends = await makeGrant(db, { agentId, serverId, createdAt: now, expiresAt: later(48) })
  const covering = await makeGrant(db, { agentId, serverId })
  const told = async () =>
    (await auditOf(db, agentId))
      .filter(({ event }) => event === 'grant.ends_soon')
      .map(({ detail }) => (detail as { grantId: string }).grantId)
  await remindOfScopes(ctxFor(db, undefined, later(24)))
  expect(await told()).toEqual([])
  await db.grant.update({ where: { id: covering }, data: { revokedAt: later(25) } })
  await remindOfScopes(ctxFor(db, undefined, later(26)))
  await remindOfScopes(ctxFor(db, undefined, later(27)))
  expect(await told()).toEqual([ends])
})
