import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { createHoldRule, decideHeldCall } from '#lib/guardrails/commands.ts'
import { getHeldCall } from '#lib/guardrails/queries/held-calls.ts'
import { createHoldRuleInput, type DecideHeldCallInput } from '#lib/guardrails/schema/held-calls.ts'
import { modernCall, RawAgent } from '../testing/raw-agent.ts'
import { startBroker } from '../testing/start-broker.ts'
import { startModernTalkative } from '../testing/talkative-servers.ts'

dbTest(
  'an approver sees what the agent answers, and approves that and nothing else',
  async ({ db, databaseUrl, onTestFinished }) => {
    const server = await startModernTalkative()
    const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
    await db.mcpServer.create({ data: { id: 'modern', name: 'Modern', url: server.url, ...about } })
    const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
    onTestFinished(async () => {
      broker.broker.abort()
      await broker.stop()
      server.stop()
    })
    await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 3)
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    const rule = { title: 'Questions wait', serverId: 'modern', toolName: 'asking', deciderRoles: ['security'] }
    await createHoldRule(security, createHoldRuleInput.parse(rule))
    const agent = await makeAgent(db)
    const { agentId } = agent
    for (const toolName of [undefined, 'method:elicitation/create']) {
      await makeGrant(db, { agentId, serverId: 'modern', ...(toolName ? { toolName } : {}) })
    }
    await broker.broker.keeper.refresh()
    const raw = new RawAgent(`${broker.url}/mcp/modern`, await sessionToken(db, broker.url, agent))
    const send = async (more: object) =>
      (await raw.ask(modernCall('asking', { capabilities: { elicitation: {} }, more }))).last
    const waiting = () => db.heldCall.findFirst({ where: { agentId, state: 'waiting' } })
    const decide = async (
      decision: Omit<Extract<DecideHeldCallInput, { decision: 'edit' }>, 'heldCallId'> | object,
    ) => {
      await until(async () => (await waiting()) !== null)
      const held = await getHeldCall(security, (await waiting())!.id)
      await decideHeldCall(security, { heldCallId: held.id, ...decision } as DecideHeldCallInput)
      return held
    }

    const first = send({})
    // What the approver makes of the arguments changes nothing about whose call it is.
    expect((await decide({ decision: 'edit', arguments: { note: 'edited' } })).inputResponses).toBe(null)
    const { requestState, inputRequests } = (await first).result as { requestState: string; inputRequests: object }
    const key = Object.keys(inputRequests)[0]!
    const inputResponses = { [key]: { action: 'accept', content: { name: 'Ada' } } }
    const answered = send({ requestState, inputResponses })
    const held = await decide({ decision: 'approve' })
    // What was made of the arguments before holds on: it is what is shown, decided about, and sent.
    expect(held).toMatchObject({ arguments: { note: 'edited' }, inputResponses })
    expect(JSON.stringify((await answered).result)).toContain('Ada')
    expect(server.heard).toEqual(['asking edited', 'asking edited'])

    // Other answers are another call, for which nobody has decided.
    const other = send({ requestState, inputResponses: { [key]: { action: 'accept', content: { name: 'Eve' } } } })
    expect((await decide({ decision: 'reject', note: 'Not her.' })).id).not.toBe(held.id)
    expect(JSON.stringify(await other)).toContain('Not her.')

    // What may not be answered any more when a person has decided is not.
    const late = send({ requestState, inputResponses: { [key]: { action: 'accept', content: { name: 'Zoe' } } } })
    await until(async () => (await waiting()) !== null)
    const asking = { agentId, toolName: 'method:elicitation/create' }
    await db.grant.updateMany({ where: asking, data: { revokedAt: new Date() } })
    await broker.broker.keeper.refresh()
    await decide({ decision: 'approve' })
    expect(JSON.stringify(await late)).toContain('grant_missing')
    expect(server.heard).toHaveLength(2)

    // Nor does an edit end with the rule that had the call held.
    await makeGrant(db, { ...asking, serverId: 'modern' })
    await db.holdRule.updateMany({ data: { removedAt: new Date() } })
    await broker.broker.keeper.refresh()
    expect(JSON.stringify(await send({ requestState, inputResponses }))).toContain('Ada')
    expect(server.heard).toEqual(Array(3).fill('asking edited'))
  },
)
