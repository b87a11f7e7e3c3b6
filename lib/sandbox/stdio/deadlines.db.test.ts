import { setTimeout as sleep } from 'node:timers/promises'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect } from 'vitest'
import { ownerFor, sealTicket, stdioPath } from '#lib/core/stdio-ticket.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeStdioServer, stdioKey } from '#lib/dev/test/stdio-servers.ts'
import { startStdioService } from '../testing/stdio-service.ts'

const requestMs = 2000
const longerMs = requestMs + 1500

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  await makeStdioServer(db, { id: 'usual', args: ['wild.ts'] })
  await makeStdioServer(db, { id: 'patient', args: ['wild.ts'], callDeadlineSeconds: 120 })
  await makeStdioServer(db, { id: 'asking', args: ['steady.ts', 'legacy'] })
  await makeStdioServer(db, { id: 'working', args: ['steady.ts', 'modern'] })
  const limits = { requestMs, pingMs: 2000, stopMs: 500 }
  const servers = ['usual', 'patient', 'asking', 'working']
  const { url, clients, stop } = await startStdioService({ db, databaseUrl, servers, limits })
  onCleanup(stop)
  return async (serverId: string, answer: () => Promise<object> = async () => ({})) => {
    const owner = ownerFor('server', null)
    const requestInit = {
      headers: { authorization: `Bearer ${sealTicket(stdioKey, { serverId, owner, environment: {} })}` },
    }
    const options = {
      versionNegotiation: { mode: 'auto' as const },
      capabilities: { elicitation: { form: {} } },
    }
    const client = new Client({ name: 'test', version: '1' }, options)
    client.setRequestHandler('elicitation/create', answer as never)
    const address = new URL(url + stdioPath(serverId, owner.key))
    await client.connect(new StreamableHTTPClientTransport(address, { requestInit }))
    clients.push(client)
    return client
  }
})

const wait = (client: Client) =>
  client.callTool({ name: 'do', arguments: { what: 'wait', detail: String(longerMs) } }).then(({ content }) => content)

test('a server with a longer deadline of its own has it here, too; any other one has that of the service', async ({
  world,
}) => {
  const [usual, patient] = [await world('usual'), await world('patient')]
  const late = wait(usual).catch((error: unknown) => error)
  expect(await wait(patient)).toEqual([{ type: 'text', text: 'waited' }])
  expect(String(await late)).toContain('it did not answer within')
}, 60_000)

test('a deadline is followed when it is changed', async ({ db, world }) => {
  const usual = await world('usual')
  await db.mcpServer.update({ where: { id: 'usual' }, data: { callDeadlineSeconds: 300 } })
  await expect.poll(() => wait(usual).catch(() => 'late'), { timeout: 30_000 }).toMatchObject([{ text: 'waited' }])
}, 60_000)

test('while a server asks its caller for something it has as long as an answer may take', async ({ world }) => {
  const asking = await world('asking', async () => {
    await sleep(longerMs)
    return { action: 'accept', content: { name: 'Ada' } }
  })
  const { content } = await asking.callTool({ name: 'ask', arguments: {} })
  expect(content).toEqual([{ type: 'text', text: 'it is Ada' }])
}, 60_000)

test.for(['asking', 'working'])(
  'a server that says how far it is goes on (%s)',
  { timeout: 60_000 },
  async (id, { world }) => {
    const client = await world(id)
    const everyMs = 200
    const params = { name: 'steps', arguments: { count: Math.ceil(longerMs / everyMs), everyMs } }
    const seen: number[] = []
    const { content } = await client.callTool(params, { onprogress: ({ progress }) => void seen.push(progress) })
    expect(content).toEqual([{ type: 'text', text: `${seen.length} steps` }])
  },
)
