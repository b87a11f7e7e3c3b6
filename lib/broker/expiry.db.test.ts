import { expect } from 'vitest'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, lastEvent } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { breakGlass } from '#lib/scopes/commands.ts'
import { startBroker } from './testing/start-broker.ts'

dbTest(
  'a grant, also one of an emergency, lets calls through until the instant at which it ends and no longer, in a session that is open',
  async ({ db, databaseUrl, onTestFinished }) => {
    let clock = () => new Date()
    const world = await brokerWorld({
      db,
      databaseUrl,
      startBroker: (options) => startBroker({ ...options, now: () => clock() }),
    })
    onTestFinished(() => world.stop())
    const [granted, emergency] = [await makeAgent(db), await makeAgent(db)]
    const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }))
    const taken = await breakGlass(onCall, {
      agentId: emergency.agentId,
      serverId: 'modern',
      class: 'read',
      toolName: null,
      minutes: 2,
      reason: 'The queue is stuck and orders are lost.',
    })
    if (!taken.ok) throw new Error(taken.error.message)
    const expiresAt = new Date(taken.value.expiresAt)
    await makeGrant(db, { agentId: granted.agentId, serverId: 'modern', expiresAt })
    await world.broker.broker.keeper.refresh()
    for (const agent of [granted, emergency]) {
      clock = () => new Date()
      const client = await agentSession(db, world, { agent })
      const ruleAt = async (ms: number) => {
        clock = () => new Date(expiresAt.getTime() + ms)
        const answer = await client.callTool({ name: 'look', arguments: {} })
        const { tools } = await client.listTools()
        const rule = (answer._meta?.['wheelhouse/denial'] as { rule: string } | undefined)?.rule ?? 'allowed'
        expect(tools.some(({ name }) => name === 'look')).toBe(rule === 'allowed')
        return rule
      }
      expect(await ruleAt(-1)).toBe('allowed')
      expect(await ruleAt(0)).toBe('grant_expired')
      const facts = { expiredAt: expiresAt.toISOString() }
      expect(await lastEvent(db, agent.agentId, 'mcp.call_denied')).toMatchObject({
        rule: 'grant_expired',
        detail: { facts },
      })
      expect(await ruleAt(1)).toBe('grant_expired')
      // Nothing but the clock has changed.
      expect(await ruleAt(-1)).toBe('allowed')
      await client.close()
    }
  },
)
