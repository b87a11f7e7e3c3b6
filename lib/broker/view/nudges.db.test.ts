import pg from 'pg'
import { expect } from 'vitest'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { revokeGrant } from '#lib/scopes/commands.ts'

test('brokers are nudged by every table whose changes they read, so that none waits for the next poll', async ({
  db,
}) => {
  const triggers = await db.$queryRaw<{ table: string; notes: boolean; nudges: boolean }[]>`
    select t."tgrelid"::regclass::text as "table", bool_or(p."proname" = 'note_policy_change') as "notes",
      bool_or(p."prosrc" ~ 'pg_notify.*wheelhouse_(policy|stop|run)') as "nudges"
    from pg_trigger t join pg_proc p on p."oid" = t."tgfoid" where not t."tgisinternal" group by 1`
  const noting = triggers.filter(({ notes }) => notes)
  expect(noting.map(({ table }) => table)).toEqual(
    expect.arrayContaining(['"Grant"', '"Agent"', '"McpTool"', '"HoldRule"']),
  )
  expect(noting.filter(({ nudges }) => !nudges)).toEqual([])
})

test('a grant that is revoked is told of as it is committed', async ({ db, databaseUrl }) => {
  const { id: agentId } = await makeAgent(db)
  const grantId = await makeGrant(db, { agentId, serverId: await makeServer(db) })
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const told: (string | undefined)[] = []
    client.on('notification', ({ payload }) => told.push(payload))
    await client.query('listen wheelhouse_policy')
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), new Date())
    expect(await revokeGrant(security, { grantId, reason: 'It was asked for by mistake.' })).toMatchObject({ ok: true })
    await until(() => told.includes('Grant'))
  } finally {
    await client.end()
  }
})
