import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { lastEvent } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { modernCall, RawAgent } from '../testing/raw-agent.ts'
import { talkativeWorld } from '../testing/talkative-world.ts'

const stateMs = 300
const answer = { action: 'accept', content: { name: 'Ada' } }

dbTest(
  'the state of a call that asked for input ends, and whoever comes later is told to call again',
  async ({ db, databaseUrl }) => {
    const { servers, brokers, stop } = await talkativeWorld({ db, databaseUrl }, [{ stateMs }, {}])
    onTestFinished(stop)
    const [short, long] = brokers
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
      const inTime = await begin(long)
      expect(JSON.stringify((await call(long, inTime)).result)).toContain('Ada')
      // A server of 2025-11-25 waits in one call, which is over now.
      if (serverId === 'legacy') {
        const { error } = await call(long, inTime)
        expect([error?.code, error?.data?.rule]).toEqual([-32602, 'answer_unknown'])
        expect(error?.message).toContain('The call that asked for this input has ended. Call again.')
        expect(await lastEvent(db, agent.agentId)).toMatchObject({ tool: 'asking', rule: 'answer_unknown' })
      }
      servers[serverId].heard.length = 0
    }
  },
  60_000,
)
