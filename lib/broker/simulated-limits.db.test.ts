import { expect, onTestFinished } from 'vitest'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { brokerWorld, postCall } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { explainDecision } from '#lib/guardrails/queries/explanation/decision.ts'
import { simulate } from '#lib/guardrails/queries/explanation/simulate.ts'
import { simulatedLimits, standardLimits } from './limits.ts'
import { personWithToken, post } from './testing/registry-client.ts'
import { startBroker } from './testing/start-broker.ts'

const limits = { requestBytesMax: 1000, requestDepthMax: 8, agentCallsPerSecond: 1 }
const brokers = simulatedLimits({ ...standardLimits, ...limits })

/** What is so deep by itself, or so long. */
const nested = (levels: number): object => (levels === 1 ? {} : { in: nested(levels - 1) })
const body = (given: object, tool = 'look') =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: given } })
const long = (bytes: number) => ({ word: 'x'.repeat(bytes - body({ word: '' }).length) })

dbTest(
  'a simulation, an explanation and the registry know what brokers take where nothing else is said',
  async ({ db, databaseUrl }) => {
    const world = await brokerWorld({
      db,
      databaseUrl,
      startBroker: (options) => startBroker({ ...options, encryptionKey, portalUrl, limits }),
    })
    onTestFinished(world.stop)
    const { broker } = world
    const { token: asker } = await personWithToken(db, { roles: ['security'] })
    const fresh = async () => {
      const agent = await makeAgent(db)
      await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
      await broker.broker.keeper.refresh()
      return { agent, token: await sessionToken(db, broker.url, agent) }
    }
    const askRegistry = async (name: string, given: object) => {
      const answer = await post(broker.url, { token: asker, body: body(given, name) })
      const text = await answer.text()
      const { result } = JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? text) as {
        result: { structuredContent: Record<string, unknown> }
      }
      return result.structuredContent
    }
    // The envelope of a call is two levels deep.
    const given = { fits: nested(6), tooDeep: nested(7), longest: long(1000), tooLong: long(1001), plain: {} }
    const found: Record<string, unknown> = {}
    for (const [name, args] of Object.entries(given)) {
      const { agent, token } = await fresh()
      const { json } = await postCall(world, { token, body: body(args) })
      const rule = json.error?.data?.['rule'] ?? 'allowed'
      const call = {
        agentId: agent.agentId,
        serverId: 'modern',
        tool: 'look',
        arguments: args as Record<string, string>,
      }
      const said = await simulate(ctxFor(db), call, brokers)
      expect([name, said.rule ?? 'allowed']).toEqual([name, rule])
      expect(said.steps.filter(({ outcome }) => outcome === 'refused').map(({ id }) => id)).toEqual(
        rule === 'allowed' ? [] : ['request'],
      )
      if (rule !== 'allowed') expect(json.error?.message).toContain(said.message)
      expect((await askRegistry('simulate_call', call))['rule'] ?? 'allowed').toBe(rule)
      found[name] = rule
    }
    expect(found).toEqual({
      fits: 'allowed',
      tooDeep: 'request_too_deep',
      longest: 'allowed',
      tooLong: 'request_too_large',
      plain: 'allowed',
    })

    const { agent, token } = await fresh()
    const answers = await Promise.all(Array.from({ length: 12 }, () => postCall(world, { token, body: body({}) })))
    expect(answers.filter(({ text }) => text.includes('rate_limited')).length).toBeGreaterThan(0)
    const { rates, steps } = await simulate(
      ctxFor(db),
      { agentId: agent.agentId, serverId: 'modern', tool: 'look' },
      brokers,
    )
    expect(rates.find(({ step }) => step === 'agent_rate')).toMatchObject({ limit: 1, atOnce: 4, used: 0 })
    expect(steps.find(({ id }) => id === 'delivery')?.note).toBe(
      'The server has 60 s. Its answer may have 256 MiB, 32 MiB of it in memory, and be nested 64 levels deep.',
    )
    // One that was refused for its rate would go now: nobody else can know how much of it is used.
    const refused = await db.auditEvent.findFirstOrThrow({ where: { agentId: agent.agentId, rule: 'rate_limited' } })
    const { now } = await explainDecision(ctxFor(db), { id: refused.id }, brokers)
    expect(now).toMatchObject({ outcome: 'allowed', differs: true })
  },
  60_000,
)
