import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { modernCall, RawAgent } from '../testing/raw-agent.ts'
import { startBroker } from '../testing/start-broker.ts'
import { startLegacyTalkative, startModernTalkative } from '../testing/talkative-servers.ts'

const stateMs = 300
const answer = { action: 'accept', content: { name: 'Ada' } }

dbTest(
  'the state of a call that asked for input ends, and whoever comes later is told to call again',
  async ({ db, databaseUrl }) => {
    const servers = { legacy: await startLegacyTalkative(), modern: await startModernTalkative() }
    const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
    for (const [id, { url }] of Object.entries(servers)) {
      await db.mcpServer.create({ data: { id, name: id, url, ...about } })
    }
    const start = async (limits = {}) =>
      startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
    const [short, long] = [await start({ stateMs }), await start()]
    onTestFinished(async () => {
      for (const { broker, stop } of [short, long]) {
        broker.abort()
        await stop()
      }
      for (const server of Object.values(servers)) server.stop()
    })
    await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 6)
    for (const serverId of ['modern', 'legacy'] as const) {
      const agent = await makeAgent(db)
      for (const toolName of [undefined, 'method:elicitation/create'])
        await makeGrant(db, { agentId: agent.agentId, serverId, ...(toolName ? { toolName } : {}) })
      for (const { broker } of [short, long]) await broker.keeper.refresh()
      const at = async ({ url }: { url: string }) =>
        new RawAgent(`${url}/mcp/${serverId}`, await sessionToken(db, url, agent))
      const call = async (broker: { url: string }, more = {}) =>
        (await (await at(broker)).ask(modernCall('asking', { capabilities: { elicitation: {} }, more }))).last
      const begin = async (broker: { url: string }) => {
        const { requestState, inputRequests } = (await call(broker)).result as Record<string, object>
        const [key] = Object.keys(inputRequests!)
        return { requestState, inputResponses: { [key!]: answer } }
      }
      const late = await begin(short)
      await sleep(stateMs + 50)
      // Also at a replica whose own states last longer: a state says itself how long it is good.
      for (const broker of [short, long]) {
        const { error } = await call(broker, late)
        expect([error?.code, error?.data?.rule]).toEqual([-32602, 'state_expired'])
        expect(error?.message).toContain('Make the call again without requestState and inputResponses.')
      }
      expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.call_denied', rule: 'state_expired' })
      expect(servers[serverId].heard.join()).not.toContain('Ada')
      expect(JSON.stringify((await call(long, await begin(long))).result)).toContain('Ada')
      servers[serverId].heard.length = 0
    }
  },
  60_000,
)
