import { expect } from 'vitest'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, portalUrl } from '#lib/dev/test/broker.ts'
import { startRawMcp } from '#lib/dev/test/raw-mcp.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { getServer } from '#lib/registry/queries.ts'
import { startBroker } from './testing/start-broker.ts'

const look = {
  name: 'look',
  description: 'Looks up an entry.',
  inputSchema: { type: 'object', properties: { id: { type: 'string', maxLength: 10 } } },
  annotations: { readOnlyHint: true },
}
const post = { name: 'post', description: 'Posts an entry.', inputSchema: { type: 'object' } }
const destructive = { ...look, annotations: { readOnlyHint: false, destructiveHint: true } }

/** A server that lists what the test wants, and a broker that looks at it when it is told to. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const says: { answer: object | null } = { answer: { tools: [look, post] } }
  const answer = () => says.answer ?? Promise.reject(new Error('It hangs up.'))
  const raw = await startRawMcp({ answer })
  const started = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    await started.stop()
    await raw.stop()
  })
  const server = async () => {
    says.answer = { tools: [look, post] }
    // Disabled: the broker looks at it only when the test says so.
    const id = await makeServer(db, { url: raw.url, tools: {}, demo: true, status: 'disabled' })
    await started.broker.keeper.refresh()
    const lists = async (answer: object | null) => {
      says.answer = answer
      const { broker } = started
      return await broker.discovery.discover(broker.keeper.view.servers.get(id)!)
    }
    await lists({ tools: [look, post] })
    const tool = (name: string) => db.mcpTool.findFirst({ where: { serverId: id, name } })
    const leftOut = () =>
      db.auditEvent.findMany({ where: { serverId: id, event: 'tool.left_out' }, orderBy: { seq: 'asc' } })
    return { id, lists, tool, leftOut, shown: () => getServer(ctxFor(db), id) }
  }
  return { server }
})

test('a tool that is none is left out by name, and the others are watched on', async ({ world }) => {
  const { lists, tool, leftOut, shown } = await world.server()
  const long = 'n'.repeat(201)
  await lists({ tools: [destructive, { ...post, name: long }, { name: 'bare' }, 'word', null] })
  expect(await tool('look')).toMatchObject({ state: 'quarantined', verdict: 'suspended' })
  expect(await tool('post')).toMatchObject({ state: 'removed' })
  const { listing } = await shown()
  expect(listing).toMatchObject({ problem: null, leftOutTotal: 4 })
  expect(listing?.leftOut).toEqual([
    { name: `${long.slice(0, 199)}…`, reason: 'Its name has more than 200 characters.' },
    { name: 'bare', reason: 'Its inputSchema is no object.' },
    { name: '(no name)', reason: 'It is no object.' },
  ])
  const told = [{ detail: { count: 4, first: listing?.leftOut } }]
  expect(await leftOut()).toMatchObject(told)
  await lists({ tools: [{ name: 'bare' }, destructive] })
  expect(await leftOut()).toHaveLength(1)
  expect((await shown()).listing?.leftOut).toEqual([{ name: 'bare', reason: 'Its inputSchema is no object.' }])
  await lists({ tools: [look, post] })
  expect((await shown()).listing).toMatchObject({ leftOut: [], leftOutTotal: 0 })
  expect(await tool('post')).toMatchObject({ state: 'approved' })
  // It was well in between: that it is wrong again is news, but not within the hour.
  await lists({ tools: [{ name: 'bare' }] })
  expect(await leftOut()).toHaveLength(1)
})

test('what no database or client could take is left out as well', async ({ world }) => {
  const { lists, tool, shown } = await world.server()
  const unsound = { type: 'object', properties: { id: { type: 'object', 'x-mcp-header': 'id' } } }
  await lists({
    tools: [
      { ...look, name: 'nul\0' },
      { ...look, name: 'half\ud800' },
      { ...look, name: 'header', inputSchema: unsound },
      { ...look, name: 'twice' },
      { ...destructive, name: 'twice' },
      { ...look, name: 'titled', title: 5 },
    ],
  })
  expect(await tool('twice')).toMatchObject({ state: 'approved', class: 'read' })
  expect((await shown()).toolList.map(({ name }) => name)).toEqual(['twice'])
  expect((await shown()).listing?.leftOut.map(({ name }) => name)).toEqual([
    'nul\ufffd',
    'half\ufffd',
    'header',
    'twice',
    'titled',
  ])
})

test('a server whose tools cannot be listed says since when and why', async ({ world }) => {
  const { lists, tool, shown } = await world.server()
  const before = (await shown()).listing!
  expect(before.listedAt).not.toBeNull()
  await expect(lists({ tools: 'none' })).rejects.toThrow('holds no list of tools')
  const { listing } = await shown()
  expect(listing).toMatchObject({
    listedAt: before.listedAt,
    problem: { message: 'its answer to tools/list holds no list of tools' },
  })
  expect(await tool('look')).toMatchObject({ state: 'approved' })
  await expect(lists({ tools: 'none' })).rejects.toThrow('holds no list of tools')
  expect((await shown()).listing?.problem).toEqual(listing?.problem)
  await lists({ tools: [look, post] })
  expect((await shown()).listing).toMatchObject({ problem: null })
})

test('a list of too many entries is refused as a whole, and one of as many as may be is counted', async ({ world }) => {
  const { lists, tool, shown } = await world.server()
  await lists({ tools: Array.from({ length: 10_000 }, () => 0) })
  expect((await shown()).listing).toMatchObject({ leftOutTotal: 10_000, leftOut: [{ reason: 'It is no object.' }] })
  await lists({ tools: [look] })
  await expect(lists({ tools: Array.from({ length: 10_001 }, () => 0) })).rejects.toThrow('more than 10000 tools')
  // Page by page as well.
  await expect(lists({ tools: Array.from({ length: 101 }, () => 0), nextCursor: 'on' })).rejects.toThrow(
    'more than 10000 tools',
  )
  expect((await shown()).listing).toMatchObject({ leftOutTotal: 0, problem: { message: expect.any(String) } })
  expect(await tool('look')).toMatchObject({ state: 'approved' })
})

test('while nothing is sent to a server after failures, why it failed goes on being said', async ({ world }) => {
  const { lists, shown } = await world.server()
  await expect(lists(null)).rejects.toThrow()
  const { message } = (await shown()).listing!.problem!
  for (let time = 0; time < 6; time += 1) await expect(lists(null)).rejects.toThrow(message)
  expect((await shown()).listing?.problem).toMatchObject({ message })
})
