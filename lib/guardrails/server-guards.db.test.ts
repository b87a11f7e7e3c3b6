import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { setServerGuards } from './commands.ts'
import { getServerGuards } from './queries/server-guards.ts'

dbTest(
  'the guards of a server are switched by who manages servers, and each change is recorded once',
  async ({ db }) => {
    const serverId = await makeServer(db)
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    expect(await getServerGuards(security, serverId)).toEqual({ maskSecrets: true, blockMarked: false })
    await setServerGuards(security, { serverId, blockMarked: true })
    await setServerGuards(security, { serverId, blockMarked: true })
    expect(await getServerGuards(security, serverId)).toEqual({ maskSecrets: true, blockMarked: true })
    expect(await auditOf(db, serverId)).toMatchObject([
      { event: 'server.updated', detail: { before: { blockMarked: false }, after: { blockMarked: true } } },
    ])
    const builder = ctxFor(db, await makePerson(db))
    await expect(setServerGuards(builder, { serverId, maskSecrets: false })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(setServerGuards(security, { serverId: 'none' })).rejects.toMatchObject({ code: 'not_found' })
  },
)
