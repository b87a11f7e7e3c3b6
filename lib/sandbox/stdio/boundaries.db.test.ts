import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect } from 'vitest'
import { ownerFor, type ProcessOwner, sealTicket, stdioPath } from '#lib/core/stdio-ticket.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeStdioServer, stdioKey } from '#lib/dev/test/stdio-servers.ts'
import { startStdioService } from '../testing/stdio-service.ts'

// Whose process of a server serves whom.

const boundaries = { teams: 'team', agents: 'agent', narrowed: 'team', others: 'agent' } as const
type ServerId = keyof typeof boundaries

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  for (const [id, boundary] of Object.entries(boundaries)) {
    await makeStdioServer(db, { id, args: ['steady.ts', 'modern'], boundary })
  }
  const service = { db, databaseUrl, servers: Object.keys(boundaries), limits: { stopMs: 500 } }
  const { url, driver, clients, stop } = await startStdioService(service)
  onCleanup(stop)
  return {
    /** The processes that run for it. */
    async processesOf(serverId: ServerId) {
      return (await driver.list()).filter(({ workspace }) => workspace.startsWith(`mcp-${serverId}-`))
    },
    async connect(serverId: ServerId, caller: { teamId: string; agentId: string } | null) {
      const owner = ownerFor(boundaries[serverId], caller)
      const ticket = sealTicket(stdioKey, { serverId, owner, environment: {} })
      const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } })
      const requestInit = { headers: { authorization: `Bearer ${ticket}` } }
      const address = new URL(url + stdioPath(serverId, owner.key))
      await client.connect(new StreamableHTTPClientTransport(address, { requestInit }))
      clients.push(client)
      return client
    },
    /** What a request with a ticket for one process is answered at the address of one. */
    async ask(at: { serverId: ServerId; key: string }, ticket: { serverId: ServerId; owner: ProcessOwner }) {
      const headers = { authorization: `Bearer ${sealTicket(stdioKey, { ...ticket, environment: {} })}` }
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })
      const answer = await fetch(url + stdioPath(at.serverId, at.key), { method: 'POST', body, headers })
      return { status: answer.status, text: await answer.text() }
    },
  }
})

async function say(client: Client, name: string, word: string): Promise<string> {
  const { content } = await client.callTool({ name, arguments: { word } })
  return (content as { text: string }[])[0]!.text
}

const red = (agentId: string) => ({ teamId: 'red', agentId })
const divided = 'its processes are divided in another way'

test('two teams never share a process, its memory or its files', { timeout: 60_000 }, async ({ world }) => {
  const [one, other] = await Promise.all(
    ['red', 'blue'].map((teamId) => world.connect('teams', { teamId, agentId: 'one' })),
  )
  expect(await say(one!, 'remember', 'rosso')).toBe('rosso / rosso')
  expect(await say(other!, 'remember', 'blu')).toBe('blu / blu')
  const again = await world.connect('teams', red('two'))
  expect(await say(again, 'remember', 'due')).toBe('rosso due / rosso due')
  // The one that lists the tools for all of them is called by nobody.
  const listing = await world.connect('teams', null)
  expect((await listing.listTools()).tools.length).toBeGreaterThan(0)
  await expect(say(listing, 'echo', 'x')).rejects.toThrow(/only says what it offers/)
  const workspaces = (await world.processesOf('teams')).map(({ workspace }) => workspace)
  expect(new Set(workspaces).size).toBe(3)
})

test('two agents of one team share none where each has its own', { timeout: 60_000 }, async ({ db, world }) => {
  const [one, two] = await Promise.all([world.connect('agents', red('one')), world.connect('agents', red('two'))])
  expect(await say(one, 'remember', 'uno')).toBe('uno / uno')
  expect(await say(two, 'remember', 'due')).toBe('due / due')
  const again = await world.connect('agents', red('one'))
  expect(await say(again, 'remember', 'tre')).toBe('uno tre / uno tre')
  const workspaces = (await world.processesOf('agents')).map(({ workspace }) => workspace)
  expect([workspaces.length, new Set(workspaces).size]).toEqual([2, 2])
  const owners = async () =>
    (await db.stdioProcess.findMany({ where: { serverId: 'agents', state: 'running' } })).map(({ owner }) => owner)
  await until(async () => (await owners()).toSorted().join() === 'agent:one,agent:two')
})

test('a ticket opens no process but the one it is for, and starts none that is nobody’s', async ({ world }) => {
  const mine = { serverId: 'others', owner: ownerFor('agent', red('one')) } as const
  const { key } = mine.owner
  for (const ticket of [
    { ...mine, owner: ownerFor('agent', red('two')) },
    { ...mine, owner: ownerFor('team', red('one')) },
    { ...mine, serverId: 'agents' as const },
  ]) {
    expect(await world.ask({ serverId: 'others', key }, ticket)).toEqual({ status: 401, text: '' })
  }
  // Sealed as it should be, though for a process that is shared by more than the registry has it.
  const ofTeam = ownerFor('team', red('one'))
  const ofNobody = { ...ofTeam, teamId: null }
  for (const [serverId, owner] of [
    ['others', ofTeam],
    ['others', ofNobody],
    ['teams', ofNobody],
  ] as const) {
    const { status, text } = await world.ask({ serverId, key: owner.key }, { serverId, owner })
    expect(status).toBe(503)
    expect(text).toContain(divided)
  }
  expect(await world.processesOf('others')).toEqual([])
})

test(
  'a process that more share than the registry has it from now on is ended',
  { timeout: 60_000 },
  async ({ db, world }) => {
    const client = await world.connect('narrowed', red('one'))
    expect(await say(client, 'echo', 'a')).toBe('a')
    expect(await world.processesOf('narrowed')).toHaveLength(1)
    await db.mcpServer.update({ where: { id: 'narrowed' }, data: { boundary: 'agent' } })
    await until(async () => (await world.processesOf('narrowed')).length === 0)
    await expect(say(client, 'echo', 'a')).rejects.toThrow(divided)
  },
)
