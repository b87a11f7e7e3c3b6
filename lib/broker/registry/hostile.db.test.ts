import fc from 'fast-check'
import { expect } from 'vitest'
import { permissions } from '#lib/auth/permissions.ts'
import { encryptionKey, portalUrl } from '#lib/dev/test/broker.ts'
import { freePort } from '#lib/dev/ports.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent } from '#lib/dev/test/fleet.ts'
import { anyHostile, placesOf, withValue } from '#lib/dev/test/hostile-values.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { tableDigests } from '#lib/dev/test/table-digests.ts'
import { personWithToken, post } from '../testing/registry-client.ts'
import { startBroker } from '../testing/start-broker.ts'
import { registryTools } from './tools.ts'

/** Questions to each tool; more of them with HOSTILE_RUNS, others with HOSTILE_SEED. */
const numRuns = Number(process.env['HOSTILE_RUNS'] ?? 40)
const seed = Number(process.env['HOSTILE_SEED'] ?? 1)

const test = dbTest
  .extend('broker', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
    const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
    onCleanup(broker.stop)
    return broker
  })
  .extend('ask', { scope: 'file' }, async ({ db, broker }) => {
    await makeServer(db, { id: 'erp', environment: 'production' })
    await makeAgent(db, { id: 'invoice-reconciler-7' })
    const { token } = await personWithToken(db, { roles: ['security'], permissions })
    return async (name: string, argumentsJson: string) => {
      const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${JSON.stringify(name)},"arguments":${argumentsJson}}}`
      const response = await post(broker.url, { token, body })
      const text = await response.text()
      const sent = text.startsWith('{') ? text : (/^data: (\{.*)$/m.exec(text)?.[1] ?? '{}')
      return { status: response.status, text, message: JSON.parse(sent) as Message }
    }
  })

type Message = {
  error?: { code: number; message: string }
  result?: { isError?: boolean; content: { text?: string }[]; structuredContent?: unknown }
}

/** What each tool is asked where nothing is wrong. */
const sound: Record<string, object> = {
  search_agents: { query: 'can:write', sort: 'id', order: 'asc', limit: 5 },
  complete_query: { query: 'can:', at: 4 },
  explain_match: { agentId: 'invoice-reconciler-7', query: 'can:write' },
  get_agent: { agentId: 'invoice-reconciler-7' },
  get_server: { serverId: 'erp' },
  list_grants: { agentId: 'invoice-reconciler-7', history: true, limit: 5 },
  list_runs: { agentId: 'invoice-reconciler-7', state: 'failed', limit: 5 },
  explain_decision: { id: '01990000-0000-7000-8000-000000000001' },
  simulate_call: { agentId: 'invoice-reconciler-7', serverId: 'erp', tool: 'look', arguments: { amount: 5 } },
}

test.for(registryTools.map(({ name }) => name))(
  '%s answers or refuses in words, whatever it is asked, and writes nothing but that it was asked',
  { timeout: 120_000 },
  async (name, { db, ask }) => {
    const tool = registryTools.find((each) => each.name === name)!
    const example = sound[name] ?? {}
    const places = placesOf(tool.input, example)
    const plain = await ask(name, JSON.stringify(example))
    const found = plain.message.result?.isError !== true || plain.text.includes('There is no')
    expect({ found, text: plain.text }).toMatchObject({ found: true })
    const before = await notAsked(db)
    const property = fc.asyncProperty(fc.constantFrom(['also'], ...places), anyHostile, async (place, value) => {
      const { status, text, message } = await ask(name, withValue(example, place, value.json))
      const told = message.error?.message ?? message.result?.content.map((part) => part.text).join(' ')
      expect({
        place,
        value: value.json.slice(0, 200),
        status,
        answered: told !== undefined && told !== '',
      }).toMatchObject({
        answered: true,
      })
      expect({ place, value: value.json.slice(0, 200), text }).toMatchObject({
        text: expect.not.stringMatching(/node_modules|\\n\s+at |prisma|\.ts:\d|invocation|ECONN/i) as string,
      })
      expect({ value: value.json.slice(0, 200), code: message.error?.code }).not.toMatchObject({ code: -32603 })
      if (message.result && !message.result.isError) {
        expect(tool.output.safeParse(message.result.structuredContent).error).toBeUndefined()
      }
    })
    await fc.assert(property, { numRuns: places.length === 0 ? 5 : numRuns, seed, endOnFailure: true })
    const after = await notAsked(db)
    expect(Object.keys(after).filter((table) => after[table] !== before[table])).toEqual([])
  },
)

/** What every table holds, but that somebody has asked or was refused to, and what the broker notes by itself: that it lives, and of servers that it looks at. */
async function notAsked(db: Parameters<typeof tableDigests>[0]): Promise<Record<string, string>> {
  const { AuditEvent: _, ProcessBeat: __, ServerHealth: ___, ToolListing: ____, ...rest } = await tableDigests(db)
  const asked = ['registry.asked', 'mcp.caller_refused']
  const others = await db.auditEvent.count({ where: { actorKind: 'person', event: { notIn: asked } } })
  return { ...rest, AuditEvent: String(others) }
}
