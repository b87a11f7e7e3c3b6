import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { expect, vi } from 'vitest'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { makeAgent } from '#lib/dev/test/fleet.ts'
import { createLog } from '#lib/log/log.ts'
import { ViewKeeper } from './keeper.ts'

test('who read nothing for longer than changes are noted reads everything, though the connection lasted', async ({
  db,
  databaseUrl,
}) => {
  const nothing = () => {}
  const log = createLog({ process: 'broker', level: 'silent' })
  const keeper = new ViewKeeper({
    databaseUrl,
    log,
    onReload: nothing,
    onCancel: nothing,
    onTalk: nothing,
    onHeld: nothing,
  })
  await keeper.refresh()
  const { id } = await makeAgent(db)
  // What the pruning of another broker does, an hour later.
  await db.$executeRaw`delete from "PolicyChange"`
  await keeper.refresh()
  expect(keeper.view.agents.has(id)).toBe(false)
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => Number(new Date()) + 31 * 60_000)
  await keeper.refresh()
  clock.mockRestore()
  expect(keeper.view.agents.has(id)).toBe(true)
  await keeper.stop()
})

test('a first read that takes longer than a poll may is waited for', async ({ db, databaseUrl }) => {
  const { id } = await makeAgent(db)
  // Holds up the reading of agents, as a large fleet does on a busy machine.
  const lock = new pg.Client({ connectionString: databaseUrl })
  await lock.connect()
  await lock.query('begin')
  await lock.query('lock table "Grant" in access exclusive mode')
  const nothing = () => {}
  const log = createLog({ process: 'broker', level: 'silent' })
  const heard = { onReload: nothing, onCancel: nothing, onTalk: nothing, onHeld: nothing }
  const keeper = new ViewKeeper({ databaseUrl, log, ...heard })
  const read = keeper.refresh()
  // Longer than the poll waits for its answer.
  await setTimeout(4000)
  await lock.query('commit')
  await lock.end()
  await read
  expect(keeper.view.agents.has(id)).toBe(true)
  await keeper.stop()
})
