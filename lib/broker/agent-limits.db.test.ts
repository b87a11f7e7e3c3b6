import type { Client } from '@modelcontextprotocol/client'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { agentSession, lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { setAgentLimits } from '#lib/guardrails/commands.ts'
import { explainDecision } from '#lib/guardrails/queries/explanation/decision.ts'
import { simulate } from '#lib/guardrails/queries/explanation/simulate.ts'
import { agentLimitNames, type SetAgentLimitsInput } from '#lib/guardrails/schema/agent-limits.ts'
import { simulatedLimits, standardLimits } from './limits.ts'
import { startSizedServer } from './testing/sized-server.ts'
import { startBroker } from './testing/start-broker.ts'

const brokers = simulatedLimits(standardLimits)

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const { http, url } = await startSizedServer()
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'sized', name: 'sized', url, ...rest } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    await broker.stop()
    http.close()
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 3)
  const onCall = await makePerson(db, { roles: ['on_call'] })
  return {
    broker,
    async agent() {
      const agent = await makeAgent(db)
      await makeGrant(db, { agentId: agent.agentId, serverId: 'sized', class: 'read' })
      return agent
    },
    onCall,
    /** As a person does it, until the broker follows by itself. */
    async limit(agentId: string, limits: Omit<SetAgentLimitsInput, 'agentId' | 'reason'>) {
      await setAgentLimits(ctxFor(db, onCall), { agentId, reason: 'It reads whole tables.', ...limits })
      const { agents } = broker.broker.keeper.view
      await until(() => {
        const facts = agents.get(agentId)
        return agentLimitNames.every((name) => limits[name] === undefined || facts?.[name] === limits[name])
      })
    },
  }
})

type Denial = { rule: string; limitOf?: string; limit?: number; decision: string } & Record<string, unknown>

async function denialOf(client: Client, name: string, args: Record<string, unknown> = {}): Promise<Denial | null> {
  const answer = await client.callTool({ name, arguments: args })
  return (answer._meta?.['wheelhouse/denial'] as Denial | undefined) ?? null
}

test('results are as large and deep, and take as long, as agent and server both allow; a refusal says whose limit it was', async ({
  db,
  world,
}) => {
  const agent = await world.agent()
  const other = await world.agent()
  for (const era of ['modern', 'legacy'] as const) {
    const own = await agentSession(db, world, { agent, serverId: 'sized', era })
    const others = await agentSession(db, world, { agent: other, serverId: 'sized', era })
    await world.limit(agent.agentId, { resultBytesMax: 2000, resultDepthMax: 6 })
    // Over one connection to the server, at once.
    const [limited, free] = await Promise.all([
      Promise.all(Array.from({ length: 8 }, () => denialOf(own, 'long', { count: 3000 }))),
      Promise.all(Array.from({ length: 8 }, () => denialOf(others, 'long', { count: 3000 }))),
    ])
    expect(free).toEqual(Array.from({ length: 8 }, () => null))
    for (const denial of limited) {
      expect(denial).toMatchObject({
        rule: 'result_too_large',
        limitName: 'resultBytesMax',
        limit: 2000,
        limitOf: 'agent',
        setBy: { text: 'Whoever set this limit of the agent' },
        changedBy: { roles: ['team_lead', 'security', 'on_call', 'platform_admin'] },
      })
    }
    expect(await denialOf(own, 'long', { count: 500 })).toBeNull()
    expect(await denialOf(own, 'deep', { count: 8 })).toMatchObject({
      rule: 'result_too_deep',
      limitOf: 'agent',
      limit: 6,
    })
    expect(await denialOf(others, 'deep', { count: 8 })).toBeNull()
    await world.limit(agent.agentId, { callDeadlineSeconds: 1 })
    expect(await denialOf(own, 'slow')).toMatchObject({ rule: 'upstream_deadline', limitOf: 'agent', limit: 1 })
    await world.limit(agent.agentId, { resultBytesMax: null, resultDepthMax: null, callDeadlineSeconds: null })
    expect(await denialOf(own, 'long', { count: 3000 })).toBeNull()
    await Promise.all([own.close(), others.close()])
  }
  expect(world.broker.broker.keeper.view.servers.get('sized')?.resultBytesMax).toBeNull()
})

test('the lower of the limits of agent and server counts, and its record says whose it was, who set it and who can change it', async ({
  db,
  world,
}) => {
  const agent = await world.agent()
  const client = await agentSession(db, world, { agent, serverId: 'sized' })
  const ofServer = async (resultBytesMax: number | null) => {
    await db.mcpServer.update({ where: { id: 'sized' }, data: { resultBytesMax } })
    await world.broker.broker.keeper.refresh()
  }
  await world.limit(agent.agentId, { resultBytesMax: 2000 })
  await ofServer(1000)
  expect(await denialOf(client, 'long', { count: 3000 })).toMatchObject({ limitOf: 'server', limit: 1000 })
  await ofServer(2500)
  const refused = await denialOf(client, 'long', { count: 3000 })
  expect(refused).toMatchObject({ limitOf: 'agent', limit: 2000 })
  await ofServer(null)
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const explained = await explainDecision(security, { id: refused!.decision }, brokers)
  expect(explained).toMatchObject({
    rule: 'result_too_large',
    step: 'delivery',
    facts: { limitOf: 'agent', limitName: 'resultBytesMax', limit: 2000 },
    setBy: { by: { id: world.onCall.id }, reason: 'It reads whole tables.' },
    next: [{ link: `/agents/${agent.agentId}/scopes` }, {}],
  })
  expect(explained.message).toContain('more than 2000 bytes, the limit of this agent')
  expect(explained.changedBy?.people.map(({ id }) => id)).toContain(world.onCall.id)
  const { steps } = await simulate(security, { agentId: agent.agentId, serverId: 'sized', tool: 'long' }, brokers)
  expect(steps.find(({ id }) => id === 'delivery')?.note).toBe(
    'The server has 60 s. Its answer may have 2000 bytes (its own limit), 2000 bytes of it in memory, and be nested 64 levels deep.',
  )
  await client.close()
})

test('a request of an agent is as large and deep as that agent may send, and what is more is on record', async ({
  db,
  world,
}) => {
  const agent = await world.agent()
  const other = await world.agent()
  await world.limit(agent.agentId, { requestBytesMax: 2000, requestDepthMax: 10 })
  const tokens = await Promise.all([agent, other].map((each) => sessionToken(db, world.broker.url, each)))
  const ask = async (token: string | undefined, given: unknown) => {
    const params = { name: 'long', arguments: { count: 1, given } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const { status, json } = await postCall(world, { token: token!, serverId: 'sized', body })
    return { status, ...json.error?.data }
  }
  const [long, deep] = ['x'.repeat(2000), JSON.parse('['.repeat(12) + ']'.repeat(12)) as unknown]
  const facts = { limitOf: 'agent', limit: 2000 }
  expect(await ask(tokens[0], long)).toMatchObject({ status: 413, rule: 'request_too_large', ...facts })
  expect(await ask(tokens[0], deep)).toMatchObject({ status: 400, rule: 'request_too_deep', limit: 10 })
  expect(await ask(tokens[0], 'short')).toEqual({ status: 200 })
  for (const given of [long, deep]) expect(await ask(tokens[1], given)).toEqual({ status: 200 })
  await until(async () => (await lastEvent(db, agent.agentId, 'mcp.caller_refused')) !== null)
  const { id } = (await db.auditEvent.findFirst({ where: { agentId: agent.agentId, rule: 'request_too_large' } }))!
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  expect(await explainDecision(security, { id }, brokers)).toMatchObject({
    message: 'A request of this agent may be 2000 bytes long.',
    facts,
    setBy: { by: { id: world.onCall.id }, reason: 'It reads whole tables.' },
  })
  const call = { agentId: agent.agentId, serverId: 'sized', tool: 'long', arguments: { count: 1, given: long } }
  expect(await simulate(security, call, brokers)).toMatchObject({ rule: 'request_too_large', facts })
  expect((await simulate(security, { ...call, agentId: other.agentId }, brokers)).rule).toBeNull()
})
