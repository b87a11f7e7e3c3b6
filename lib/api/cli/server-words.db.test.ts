import { expect } from 'vitest'
import { commandLine } from '#lib/dev/test/command-line.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeTeam } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'

const done = (out: string) => ({ code: 0, err: '', out: expect.stringContaining(out) as string })

dbTest(
  'the health of a server says which broker leaves it alone and until when, and takes silence for no health',
  async ({ database }) => {
    const { db } = database
    const wheelhouse = await commandLine(database, await makeTeam(db))
    const serverId = await makeServer(db)
    const health = async () => await wheelhouse(['servers', 'health', serverId])
    expect(await health()).toMatchObject(done(`wheelhouse servers show ${serverId}`))
    const about = { serverId, failures: 5, lastError: 'it is gone', changedAt: new Date() }
    const retryAt = new Date(Date.now() + 60_000)
    await db.serverHealth.create({ data: { ...about, broker: 'a:7400', state: 'open', retryAt } })
    await db.serverHealth.create({ data: { ...about, broker: 'b:7400', state: 'closed', retryAt: null } })
    const lines = (await health()).out.split('\n')
    expect(lines[0]).toContain('NEXT TRY (UTC)')
    expect(lines[1]).toMatch(new RegExp(`a:7400 +left alone .* ${retryAt.toISOString().slice(11, 19)} +it is gone`))
    expect(lines[2]).toMatch(/b:7400 +answers again .* it is gone/)
  },
)

dbTest('how processes are divided is said as it is, whoever shares them', async ({ database }) => {
  const { db } = database
  const wheelhouse = await commandLine(database, await makeTeam(db))
  const id = await makeServer(db, { transport: 'stdio', url: '', command: { command: 'x', args: [], env: [] } })
  const divide = async (boundary: string) => await wheelhouse(['servers', 'boundary', id, boundary])
  expect(await divide('server')).toMatchObject(done(`${id}: all agents share one process.`))
  expect(await divide('team')).toMatchObject(done(`${id}: one process for each team.`))
  expect(await divide('server')).toMatchObject(done(`Proposed for ${id}: all agents share one process.`))
  const { out } = await wheelhouse(['servers', 'loosenings'])
  expect(out).toContain('all agents share one process instead of one process for each team')
})

dbTest(
  'a header credential without the name of its header is refused before anything is sent',
  async ({ database }) => {
    const { db } = database
    const wheelhouse = await commandLine(database, await makeTeam(db))
    const serverId = await makeServer(db)
    const set = ['servers', 'set-credential', serverId, '--kind', 'header']
    expect(await wheelhouse(set, 'a secret token\n')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--header-name') as string,
    })
    expect(await wheelhouse([...set, '--header-name', 'X-Api-Key'], 'a secret token\n')).toMatchObject(done('is set'))
    expect(await wheelhouse(['servers', 'holders', serverId])).toMatchObject(done('No agent holds a grant on it.'))
  },
)
