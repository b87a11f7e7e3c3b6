// The agent of the official suite's client scenarios that are about what a server asks back: the SDK's client, with a broker between it and the suite's server.
import { randomUUID } from 'node:crypto'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { invariant } from '#lib/core/errors.ts'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { methodPrefix, namedMethods } from '#lib/registry/schema.ts'
import type { ConformanceScenario } from './conformance-driver.ts'
import { startBroker } from './start-broker.ts'

/** Answered by the client of whoever is asked, which behind a broker is an agent's. */
const askingScenarios = {
  'elicitation-sep1034-client-defaults': { mode: 'legacy', answer: {} },
  'sep-2322-client-request-state': { mode: { pin: '2026-07-28' }, answer: { confirmed: true } },
} as const

type AskingScenario = keyof typeof askingScenarios

export function isAskingScenario(scenario: string): scenario is AskingScenario {
  return Object.hasOwn(askingScenarios, scenario)
}

/** Registers the suite's server with a broker of its own, and calls all its tools through that as an agent. */
export async function callAsAgent(
  { db, databaseUrl }: { db: Db; databaseUrl: string },
  { url, scenario }: ConformanceScenario & { scenario: AskingScenario },
): Promise<void> {
  const serverId = `conformance-${randomUUID().slice(0, 8)}`
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: serverId, name: serverId, url, ...about } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  try {
    await until(async () => (await db.mcpTool.count({ where: { serverId } })) > 0)
    const agent = await makeAgent(db)
    const { agentId } = agent
    // The suite's tools say nothing of what they do, so they count as the worst.
    await makeGrant(db, { agentId, serverId, class: 'destructive' })
    for (const method of namedMethods)
      await makeGrant(db, { agentId, serverId, class: 'read', toolName: methodPrefix + method })
    await broker.broker.keeper.refresh()
    const token = await sessionToken(db, broker.url, agent)
    await callAll(`${broker.url}/mcp/${serverId}`, { scenario, token })
  } finally {
    await broker.stop()
  }
}

async function callAll(url: string, { scenario, token }: { scenario: AskingScenario; token: string }): Promise<void> {
  const { mode, answer } = askingScenarios[scenario]
  const capabilities = { elicitation: { form: { applyDefaults: true } } }
  const client = new Client({ name: 'agent', version: '1' }, { capabilities, versionNegotiation: { mode } })
  // Another call while one waits for its answer: nothing of that one may be in it.
  const unrelated = 'test_mrtr_unrelated'
  let names: string[] = []
  client.setRequestHandler('elicitation/create', async () => {
    if (names.includes(unrelated)) await client.callTool({ name: unrelated, arguments: {} })
    return { action: 'accept', content: { ...answer } }
  })
  const requestInit = { headers: { authorization: `Bearer ${token}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }))
  try {
    names = (await client.listTools()).tools.map(({ name }) => name)
    invariant(names.length > 0, 'the broker lists no tool of the suite')
    for (const name of names) await client.callTool({ name, arguments: {} })
  } finally {
    await client.close()
  }
}
