import pg from 'pg'
import { expect, inject } from 'vitest'
import { createDb, type Db } from '#lib/db/client.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent } from '#lib/dev/test/fleet.ts'
import { startTcpProxy, type TcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { cloneTemplate } from '#lib/dev/test/template-database.ts'
import { createLog } from '#lib/log/log.ts'
import { ViewKeeper } from './keeper.ts'
import { pruneChanges } from './load.ts'

const fleet = 40
const test = dbTest
  .extend('agents', { scope: 'file' }, async ({ db }): Promise<string[]> => {
    const ids: string[] = []
    for (let count = 0; count < fleet; count += 1) ids.push((await makeAgent(db)).id)
    return ids
  })
  .extend('admin', { scope: 'file' }, async ({ databaseUrl }, { onCleanup }): Promise<pg.Client> => {
    const client = await connected(databaseUrl)
    onCleanup(() => client.end())
    return client
  })

test('after a lost connection what changed meanwhile is read, not everything', async ({ db, databaseUrl, agents }) => {
  const { keeper, proxy } = await keeperBehindProxy(databaseUrl)
  try {
    await keeper.refresh()
    expect(keeper.reads.whole).toBe(1)
    const [changed, other] = agents as [string, string]
    const facts = keeper.view.agents.get(other)
    const before = { ...keeper.reads }
    await proxy.cut()
    const client = await connected(databaseUrl)
    await client.query('begin')
    await client.query(`update "Agent" set "status" = 'suspended' where "id" = $1`, [other])
    await keeper.refresh()
    const { loadedAt } = keeper.view
    await suspend(db, changed)
    await proxy.restore()
    await until(async () => (await keeper.refresh(), keeper.view.loadedAt > loadedAt))
    expect(keeper.view.agents.get(changed)?.status).toBe('suspended')
    expect(keeper.view.agents.get(other)).toBe(facts)
    expect(keeper.reads).toMatchObject({ whole: 1, rows: before.rows + 1 })

    // What was not over when the connection was lost is read when it is.
    await client.query('commit')
    await client.end()
    await keeper.refresh()
    expect(keeper.view.agents.get(other)?.status).toBe('suspended')
    expect(keeper.reads).toMatchObject({ whole: 1, rows: before.rows + 2 })
  } finally {
    await keeper.stop()
    await proxy.stop()
  }
})

test('of a database with another history everything is read, whatever its transactions are numbered', async ({
  databaseUrl,
}) => {
  const { serverUrl, template } = inject('testDatabase')
  const [mine, theirs] = await Promise.all([cloneTemplate(serverUrl, template), cloneTemplate(serverUrl, template)])
  const elsewhere = createDb(theirs.databaseUrl)
  const { id } = await makeAgent(elsewhere)
  await elsewhere.$disconnect()
  const { keeper, proxy } = await keeperBehindProxy(mine.databaseUrl)
  const admin = await connected(databaseUrl)
  try {
    await keeper.refresh()
    await proxy.cut()
    const name = (url: string) => new URL(url).pathname.slice(1)
    await until(async () => {
      const open = [name(mine.databaseUrl), name(theirs.databaseUrl)]
      return (await admin.query('select from pg_stat_activity where datname = any($1)', [open])).rowCount === 0
    })
    // Another one takes its place.
    await admin.query(`alter database ${name(mine.databaseUrl)} rename to ${name(mine.databaseUrl)}_old`)
    await admin.query(`alter database ${name(theirs.databaseUrl)} rename to ${name(mine.databaseUrl)}`)
    await keeper.refresh()
    const { loadedAt } = keeper.view
    await proxy.restore()
    await until(async () => (await keeper.refresh(), keeper.view.loadedAt > loadedAt))
    expect(keeper.view.agents.has(id)).toBe(true)
    expect(keeper.reads.whole).toBe(2)
  } finally {
    await keeper.stop()
    await proxy.stop()
    await admin.query(`drop database if exists ${new URL(mine.databaseUrl).pathname.slice(1)}_old`)
    await admin.end()
    await Promise.all([mine.drop(), theirs.drop()])
  }
})

test('a transaction that lasts has nothing read twice that ended beside it', async ({ db, databaseUrl, agents }) => {
  const keeper = keeperOf(databaseUrl)
  const lasting = await connected(databaseUrl)
  try {
    await lasting.query('begin')
    await lasting.query(`update "Agent" set "status" = 'suspended' where "id" = $1`, [agents[2]])
    await keeper.refresh()
    for (const id of agents.slice(3, 13)) await suspend(db, id)
    const before = keeper.reads.rows
    await keeper.refresh()
    expect(keeper.reads.rows - before).toBe(10)
    const facts = agents.map((id) => keeper.view.agents.get(id))
    for (let times = 0; times < 5; times += 1) await keeper.refresh()
    expect(keeper.reads.rows - before).toBe(10)
    expect(agents.every((id, index) => keeper.view.agents.get(id) === facts[index])).toBe(true)
    await lasting.query('commit')
    await keeper.refresh()
    expect(keeper.reads.rows - before).toBe(11)
    expect(keeper.view.agents.get(agents[2]!)?.status).toBe('suspended')
  } finally {
    await lasting.end()
    await keeper.stop()
  }
})

test('whoever missed more than is read of it reads everything', async ({ db, databaseUrl }) => {
  const keeper = keeperOf(databaseUrl)
  await keeper.refresh()
  await db.$executeRaw`insert into "PolicyChange" ("kind", "key", "xid")
    select 'agent', 'gone-' || n, pg_current_xact_id()::text::bigint from generate_series(1, 10001) n`
  await keeper.refresh()
  expect(keeper.reads.whole).toBe(2)
  await keeper.refresh()
  expect(keeper.reads.whole).toBe(2)
  await keeper.stop()
})

test('what a transaction noted that lasted is kept, however long ago it noted it', async ({ db, admin }) => {
  const noted = async () => (await db.policyChange.findMany({ where: { key: { startsWith: 'noted-' } } })).length
  await db.policyChange.create({ data: { kind: 'agent', key: 'noted-a', xid: 900, at: hoursAgo(2) } })
  await db.policyChange.create({ data: { kind: 'agent', key: 'noted-b', xid: 800, at: hoursAgo(2) } })
  await db.policyChange.create({ data: { kind: 'agent', key: 'noted-c', xid: 900, at: hoursAgo(25) } })
  await pruneChanges(admin, '850')
  expect(await noted()).toBe(1)
  await pruneChanges(admin, '901')
  expect(await noted()).toBe(0)
})

const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000)

const suspend = (db: Db, id: string) => db.agent.update({ where: { id }, data: { status: 'suspended' } })

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

function keeperOf(databaseUrl: string): ViewKeeper {
  const nothing = () => {}
  const log = createLog({ process: 'broker', level: 'silent' })
  return new ViewKeeper({
    databaseUrl,
    log,
    onReload: nothing,
    onCancel: nothing,
    onTalk: nothing,
    onHeld: nothing,
  })
}

async function keeperBehindProxy(databaseUrl: string): Promise<{ keeper: ViewKeeper; proxy: TcpProxy }> {
  const proxy = await startTcpProxy(databaseUrl)
  return { keeper: keeperOf(proxy.url), proxy }
}
