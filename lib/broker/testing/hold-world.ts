import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, type TestAgent } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { createHoldRule, decideHeldCall } from '#lib/guardrails/commands.ts'
import { createHoldRuleInput, type DecideHeldCallInput } from '#lib/guardrails/schema/held-calls.ts'
import { startBroker } from './start-broker.ts'

/** Two brokers in front of two servers whose changes wait for security. */
export const holdTest = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  // Started one after the other: two brokers that discover at once would take turns anyway.
  const start = async () => startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  const second = await start()
  onCleanup(async () => {
    await second.stop()
    await world.stop()
  })
  const security = await makePerson(db, { roles: ['security'] })
  const base = { title: 'Changes wait', toolName: 'change', deciderRoles: ['security'] }
  for (const serverId of ['modern', 'legacy']) {
    await createHoldRule(ctxFor(db, security), createHoldRuleInput.parse({ ...base, serverId }))
  }
  await until(() => [world.broker, second].every(({ broker }) => broker.keeper.view.holdRules.length === 2))
  return { ...world, second, start, security }
})

type World = { broker: { url: string }; security: Awaited<ReturnType<typeof makePerson>> }
export type Call = { isError?: boolean; _meta?: Record<string, unknown>; content: { text?: string }[] }
export const denialOf = (answer: Call) => answer._meta?.['wheelhouse/denial'] as Record<string, unknown> | undefined

/** An agent that may change things on a server, and its session. */
export async function writer(db: Db, world: World, serverId = 'modern') {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId, class: 'write' })
  const era = serverId === 'legacy' ? 'legacy' : 'modern'
  const client = await agentSession(db, world, { agent, serverId, era })
  await until(async () => (await client.listTools()).tools.length > 0)
  const change = (word: string, options = {}) =>
    client.callTool({ name: 'change', arguments: { word } }, options) as Promise<Call>
  return { agent, client, change }
}

/** The call of an agent that waits, as soon as one does. */
export const waitingCall = async (db: Db, agent: TestAgent) => {
  const find = () => db.heldCall.findFirst({ where: { agentId: agent.agentId, state: 'waiting' } })
  await until(async () => (await find()) !== null)
  return (await find())!
}
type Decision = DecideHeldCallInput extends infer D ? (D extends unknown ? Omit<D, 'heldCallId'> : never) : never
export const decideIt = (db: Db, world: World, heldCallId: string, decision: Decision) =>
  decideHeldCall(ctxFor(db, world.security), { heldCallId, ...decision })
