import { join } from 'node:path'
import pg from 'pg'
import { expect, vi } from 'vitest'
import { openApiPortal } from '#lib/dev/test/api-portal.ts'
import { asBrowserOf } from '#lib/dev/test/browser-request.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { textsOf } from '#lib/dev/test/page-tree.ts'
import { root } from '#lib/dev/source-files.ts'
import { listAgents } from '#lib/registry/queries.ts'
import { portal } from '#lib/web/db.ts'

// What Next gives to a page: the request's headers and cookies.
vi.mock('next/headers', async () => (await import('#lib/dev/test/browser-request.ts')).browserRequest)
vi.mock('next/cache', () => ({ revalidatePath: () => {} }))

type Page = (props: { params: Promise<object>; searchParams: Promise<object> }) => Promise<unknown>

dbTest('a page that asks about one instant too many says so beside its form', async ({ database, databaseUrl }) => {
  await openApiPortal(database)
  const { db } = portal()
  const { id } = await makeAgent(db)
  const person = await makePerson(db, { roles: ['platform_admin'] })
  const pageAt = async (page: string, search: object): Promise<unknown> => {
    const path = join(root, `app/(portal)/${page}/page.tsx`)
    const show = ((await import(/* @vite-ignore */ path)) as { default: Page }).default
    return await asBrowserOf(db, person.id, () =>
      show({ params: Promise.resolve({ id }), searchParams: Promise.resolve(search) }),
    )
  }
  const instants: string[] = []
  while (instants.length < 4) instants.push((await instant(db)).toISOString())
  const [first, second, asOf, from] = instants as [string, string, string, string]
  await listAgents(ctxFor(db, person))
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query('begin')
    await client.query('lock table "HistoryEntry" in access exclusive mode')
    // One is read, which lasts, and one waits for it: as many as a person has at a time.
    const waiting = [listAgents(ctxFor(db, person), { asOf: first })]
    await expect.poll(() => lockWaits(client)).toBeGreaterThan(0)
    waiting.push(listAgents(ctxFor(db, person), { asOf: second }))
    const refused = expect.stringContaining('You are asking about several other instants just now.') as unknown
    expect(await pageAt('agents', { asOf })).toMatchObject({ props: { problem: refused, code: 'rate_limited' } })
    expect(await textsOf(pageAt('agents/explain', { agent: id, asOf }))).toContainEqual(refused)
    expect(await textsOf(pageAt('agents/diff', { from }))).toContainEqual(refused)
    await client.query('commit')
    await Promise.all(waiting)
  } finally {
    await client.end()
  }
})

dbTest('a place in the history of an agent that is none leads to its beginning', async ({ database }) => {
  await openApiPortal(database)
  const { id } = await makeAgent(database.db, { name: 'Solitary heron' })
  const person = await makePerson(database.db, { roles: ['builder'] })
  const path = join(root, 'app/(portal)/agents/[id]/(tabs)/history/page.tsx')
  const show = ((await import(/* @vite-ignore */ path)) as { default: Page }).default
  const textsWith = (search: object) =>
    asBrowserOf(database.db, person.id, () =>
      textsOf(show({ params: Promise.resolve({ id }), searchParams: Promise.resolve(search) })),
    )
  expect(await textsWith({ before: 'nowhere' })).toEqual(await textsWith({}))
})

async function lockWaits(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ waits: string }>(
    `select count(*) as waits from pg_locks where not granted and relation = '"HistoryEntry"'::regclass`,
  )
  return Number(rows[0]!.waits)
}
