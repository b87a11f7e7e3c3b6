import { expect } from 'vitest'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { makeStdioServer } from '#lib/dev/test/stdio-servers.ts'
import { forgetStdioProcesses, recordStdioProcess, setServerBoundary } from './commands.ts'
import { getServerProcesses } from './queries.ts'
import type { RecordStdioProcessInput } from './schema/processes.ts'

const facts = (serverId: string, changes: Partial<RecordStdioProcessInput> = {}): RecordStdioProcessInput => ({
  serverId,
  owner: 'server',
  instance: 'host/one',
  state: 'running',
  restarts: 0,
  lastError: null,
  stderr: [],
  memoryBytes: null,
  startedAt: null,
  ...changes,
})
const at = (seconds: number) => new Date(Date.UTC(2026, 5, 1, 12, 0, seconds))

dbTest('the state of a process is kept; only failing again and again and running again are audited', async ({ db }) => {
  await makeStdioServer(db, { id: 'program', args: [] })
  const tell = (seconds: number, changes: Partial<RecordStdioProcessInput> = {}) =>
    recordStdioProcess(ctxFor(db, undefined, at(seconds)), facts('program', changes))
  await tell(0, { state: 'starting' })
  await tell(1, { startedAt: at(1), memoryBytes: 3_000_000_000 })
  await tell(2, { restarts: 1, state: 'backing_off', lastError: 'it ended with exit code 1' })
  await tell(3, { restarts: 5, state: 'crash_loop', lastError: 'it ended with exit code 1', stderr: ['bad luck'] })
  await tell(9, { restarts: 5, state: 'crash_loop', lastError: 'it ended with exit code 1', stderr: ['bad luck'] })
  const read = async (seconds: number) => getServerProcesses(ctxFor(db, undefined, at(seconds)), 'program')
  expect(await read(10)).toMatchObject({
    boundary: 'server',
    processes: [{ state: 'crash_loop', restarts: 5, stderr: ['bad luck'], changedAt: at(3).toISOString() }],
  })
  expect((await read(75))?.processes).toMatchObject([{ state: 'lost' }])
  await tell(20, { restarts: 5, memoryBytes: 3_000_000_000 })
  expect((await read(20))?.processes).toMatchObject([{ state: 'running', memoryBytes: 3_000_000_000 }])
  expect((await auditOf(db, 'program')).map(({ event }) => event)).toEqual([
    'server.process_failing',
    'server.process_running',
  ])
})

dbTest(
  'what a service said before it was started anew is forgotten, and what nobody said for a day',
  async ({ db }) => {
    await makeStdioServer(db, { id: 'forgotten', args: [] })
    const day = 86_400
    await recordStdioProcess(ctxFor(db, undefined, at(0)), facts('forgotten', { instance: 'old/gone' }))
    await recordStdioProcess(ctxFor(db, undefined, at(day)), facts('forgotten'))
    await recordStdioProcess(ctxFor(db, undefined, at(day)), facts('forgotten', { instance: 'host/two' }))
    await forgetStdioProcesses(ctxFor(db, undefined, at(day + 10)), { instance: 'host/one' })
    const view = await getServerProcesses(ctxFor(db, undefined, at(day + 10)), 'forgotten')
    expect(view?.processes.map(({ instance }) => instance)).toEqual(['host/two'])
  },
)

dbTest('who shares a process is said by who manages servers, of servers over stdio only', async ({ db }) => {
  await makeStdioServer(db, { id: 'divided', args: [] })
  const ctx = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  await setServerBoundary(ctx, { serverId: 'divided', boundary: 'team' })
  await setServerBoundary(ctx, { serverId: 'divided', boundary: 'team' })
  expect(await getServerProcesses(ctx, 'divided')).toEqual({ boundary: 'team', processes: [] })
  expect(await auditOf(db, 'divided')).toMatchObject([
    { event: 'server.updated', detail: { before: { boundary: 'server' }, after: { boundary: 'team' } } },
  ])
  const http = await makeServer(db)
  expect(await getServerProcesses(ctx, http)).toBeNull()
  await expect(setServerBoundary(ctx, { serverId: http, boundary: 'team' })).rejects.toMatchObject({ code: 'invalid' })
  await expect(getServerProcesses(ctx, 'nowhere')).rejects.toMatchObject({ code: 'not_found' })
  const builder = ctxFor(db, await makePerson(db))
  await expect(setServerBoundary(builder, { serverId: 'divided', boundary: 'agent' })).rejects.toMatchObject({
    code: 'forbidden',
  })
  await expect(recordStdioProcess(builder, facts('divided'))).rejects.toMatchObject({ code: 'forbidden' })
  await expect(forgetStdioProcesses(builder, { instance: 'host/one' })).rejects.toMatchObject({ code: 'forbidden' })
})
