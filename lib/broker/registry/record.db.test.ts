import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { createLog } from '#lib/log/log.ts'
import { askOnRecord } from './record.ts'

dbTest('a question that fails on our side is on record as one that was asked and not answered', async ({ db }) => {
  const person = { ...(await makePerson(db)), tokenId: crypto.randomUUID() }
  const asker = { ctx: ctxFor(db, person), log: createLog({ process: 'broker', level: 'silent' }) }
  const question = { tool: 'search_agents', arguments: { query: 'can:write' }, permission: 'agents:read' } as const
  const asked = askOnRecord(asker, question, () => Promise.reject(new Error('Our own mistake.')))
  await expect(asked).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('went wrong on our side') as string,
  })
  const events = await db.auditEvent.findMany({ where: { event: { startsWith: 'registry.' } } })
  expect(events).toMatchObject([
    {
      event: 'registry.asked',
      actorId: person.id,
      detail: { tool: 'search_agents', arguments: '{"query":"can:write"}', outcome: 'unavailable' },
    },
  ])
})
