import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { updateServer } from './commands.ts'
import { getServer } from './queries.ts'
import { updateServerInput } from './schema.ts'

dbTest('a server is disabled for a reason, which its view and the record keep until it is enabled', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const id = await makeServer(db)
  const refused = (rule: string) => ({ code: 'invalid', details: { field: 'reason', rule } })
  const reason = 'It answers for another tenant.'
  const disabled = { id, status: 'disabled' } as const
  await expect(updateServer(ctx, disabled)).rejects.toMatchObject(refused('registry:reason_needed'))
  await expect(updateServer(ctx, { ...disabled, status: 'active', reason })).rejects.toMatchObject(
    refused('registry:reason_unused'),
  )
  await expect(updateServer(ctx, { id, name: 'Renamed', reason })).rejects.toMatchObject(
    refused('registry:reason_unused'),
  )
  for (const wrong of ['', ' ', 'x'.repeat(1001), 'two\nlines']) {
    expect(updateServerInput.safeParse({ ...disabled, reason: wrong }).error?.issues).toMatchObject([
      { path: ['reason'] },
    ])
  }
  expect(await getServer(ctx, id)).toMatchObject({ status: 'active', statusReason: null })

  await updateServer(ctx, { ...disabled, reason })
  expect(await getServer(ctx, id)).toMatchObject({ status: 'disabled', statusReason: reason })
  // What is so already stays as it was said to be.
  await updateServer(ctx, disabled)
  await updateServer(ctx, { ...disabled, reason: 'Another one.' })
  await updateServer(ctx, { id, description: 'Orders.' })
  expect(await getServer(ctx, id)).toMatchObject({ status: 'disabled', statusReason: reason })
  await updateServer(ctx, { id, status: 'active' })
  expect(await getServer(ctx, id)).toMatchObject({ status: 'active', statusReason: null })
  expect((await auditOf(db, id)).map(({ detail }) => detail)).toEqual([
    { before: { status: 'active' }, after: { status: 'disabled' }, reason },
    { before: { description: expect.any(String) }, after: { description: 'Orders.' } },
    { before: { status: 'disabled' }, after: { status: 'active' } },
  ])
})

dbTest('of two who disable a server at once, the reason of one is kept', async ({ db }) => {
  const id = await makeServer(db)
  const disable = async (reason: string) => {
    const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    return await updateServer(ctx, { id, status: 'disabled', reason })
  }
  await Promise.all([disable('One.'), disable('Two.')])
  const recorded = await auditOf(db, id)
  expect(recorded).toHaveLength(1)
  const { statusReason } = await db.mcpServer.findUniqueOrThrow({ where: { id } })
  expect(recorded[0]?.detail).toMatchObject({ reason: statusReason })
})
