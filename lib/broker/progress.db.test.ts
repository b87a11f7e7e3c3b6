import { setTimeout as pause } from 'node:timers/promises'
import { acceptedContent, inputRequired, type McpServer } from '@modelcontextprotocol/server'
import { describe, expect } from 'vitest'
import { z } from 'zod'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { type Era, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { mergedName } from './merged-names.ts'
import { startFixture } from './testing/fixture/server.ts'
import { modernCall, RawAgent, type RawMessage } from './testing/raw-agent.ts'
import { startBroker } from './testing/start-broker.ts'

// A server that says how far it is has its time again, whoever calls it over whatever connection; one that says nothing has not.

const callDeadlineMs = 4000
const askDeadlineMs = 10_000
/** Longer than a call may take without progress. */
const longerMs = 6000
const beatMs = 200

/** A tool that is at work for so long, and says so. */
function offerWork(server: McpServer): void {
  const inputSchema = z.object({ ms: z.number(), silent: z.boolean().optional(), asks: z.boolean().optional() })
  const about = { description: 'Works', inputSchema, annotations: { readOnlyHint: true } }
  const properties = { name: { type: 'string' as const } }
  const name = inputRequired.elicit({ message: 'Who?', requestedSchema: { type: 'object', properties } })
  server.registerTool('works', about, async ({ ms, silent, asks }, { mcpReq }) => {
    if (asks && !acceptedContent(mcpReq.inputResponses, 'name')) return inputRequired({ inputRequests: { name } })
    const startedAt = performance.now()
    const progressToken = mcpReq._meta?.progressToken
    for (let progress = 1; performance.now() - startedAt < ms && !mcpReq.signal.aborted; progress += 1) {
      const params = { progressToken: progressToken!, progress }
      if (!silent && progressToken !== undefined) await mcpReq.notify({ method: 'notifications/progress', params })
      await pause(beatMs)
    }
    return { content: [{ type: 'text', text: 'worked' }] }
  })
}

/** Two replicas in front of a server of each era, and one of 2025-11-25 that keeps no events, so that fewer agents have a session of their own there. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const servers = {
    modern: await startFixture({ only: 'modern', more: offerWork }),
    legacy: await startFixture({ only: 'legacy', more: offerWork }),
    forgetful: await startFixture({ only: 'legacy', events: false, more: offerWork }),
  }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries(servers))
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  const limits = { callDeadlineMs, askDeadlineMs, circuitFailures: 1000 }
  const start = async () => startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  const brokers = [await start(), await start()] as const
  onCleanup(async () => {
    for (const { broker, stop } of brokers) {
      broker.abort()
      await stop()
    }
    await Promise.all(Object.values(servers).map((server) => server.stop()))
  })
  await until(async () => (await db.mcpTool.count({ where: { name: 'works', state: 'approved' } })) === 3)
  const agent = await makeAgent(db)
  for (const serverId of Object.keys(servers))
    for (const toolName of ['works', 'method:elicitation/create'])
      await makeGrant(db, { agentId: agent.agentId, serverId, toolName })
  for (const { broker } of brokers) await broker.keeper.refresh()
  const tokens = await Promise.all(brokers.map(({ url }) => sessionToken(db, url, agent)))
  return (path: string, replica: 0 | 1 = 0) => new RawAgent(brokers[replica].url + path, tokens[replica]!)
})

type Work = { ms: number; silent?: boolean; asks?: boolean }
type Way = { era: Era; serverId: string; path: string; capabilities: object }
const meta = { progressToken: 'one' }

const ways: Way[] = (['modern', 'legacy'] as const).flatMap((era) =>
  ['modern', 'legacy', 'forgetful'].flatMap((serverId) =>
    [`/mcp/${serverId}`, '/mcp'].flatMap((path) =>
      [{}, { elicitation: {} }].map((capabilities) => ({ era, serverId, path, capabilities })),
    ),
  ),
)

async function calledIn({ era, serverId, path, capabilities }: Way, raw: RawAgent, work: Work): Promise<string> {
  const name = path === '/mcp' ? mergedName(serverId, 'works') : 'works'
  const call =
    era === 'modern'
      ? modernCall(name, { capabilities, meta, more: { arguments: work } })
      : {
          body: { id: 3, method: 'tools/call', params: { name, arguments: work, _meta: meta } },
          headers: await raw.begin(capabilities),
        }
  return JSON.stringify((await raw.ask(call)).last)
}

describe.each([
  { what: 'progress beyond the deadline, and then the answer', work: { ms: longerMs }, end: 'worked' },
  { what: 'no progress', work: { ms: longerMs, silent: true }, end: `within ${callDeadlineMs} ms` },
  { what: 'progress without an end', work: { ms: 10 * askDeadlineMs }, end: `within ${askDeadlineMs} ms` },
])('$what', ({ work, end }) => {
  test('ends alike in every way of a call', { timeout: 60_000 }, async ({ world }) => {
    const ends = await Promise.all(
      ways.map(async (way) => {
        const { era, serverId, path, capabilities } = way
        const text = await calledIn(way, world(path), work)
        const came = text.includes(end) ? end : text
        return `${era} agent, ${serverId} server, ${path}, ${JSON.stringify(capabilities)}: ${came}`
      }),
    )
    expect(ends.filter((each) => !each.endsWith(end))).toEqual([])
  })
})

/** The call as its agent brings the answer it was asked for. */
function answering(asked: RawMessage, work: Work) {
  const { requestState, inputRequests } = asked.result as { requestState: string; inputRequests: object }
  const answer = { action: 'accept', content: { name: 'Ada' } }
  const inputResponses = { [Object.keys(inputRequests)[0]!]: answer }
  return { arguments: work, requestState, inputResponses }
}

test(
  'so does a call that goes on with an answer, at the same replica or another one',
  { timeout: 60_000 },
  async ({ world }) => {
    const capabilities = { elicitation: {} }
    const places = (['modern', 'legacy'] as const).flatMap((serverId) =>
      ([0, 1] as const).map((replica) => ({ serverId, replica })),
    )
    const ends = await Promise.all(
      places.flatMap(({ serverId, replica }) =>
        [false, true].map(async (silent) => {
          const path = `/mcp/${serverId}`
          const work = { ms: longerMs, asks: true, silent }
          const asked = await world(path).ask(modernCall('works', { capabilities, meta, more: { arguments: work } }))
          const more = answering(asked.last, work)
          const { last } = await world(path, replica).ask(modernCall('works', { capabilities, meta, more }))
          const end = silent ? 'upstream_deadline' : 'worked'
          const text = JSON.stringify(last)
          return `${serverId} server, replica ${replica}, ${text.includes(end) ? end : text}`
        }),
      ),
    )
    expect(ends.filter((each) => !/(worked|upstream_deadline)$/.test(each))).toEqual([])
  },
)
