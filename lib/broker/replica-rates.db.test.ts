import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, sessionToken, startUpstream } from '#lib/dev/test/broker.ts'
import { startBalancer } from '#lib/dev/test/balancer.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import { type BrokerProcess, startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'

const rate = 5
/** Four seconds' worth. */
const burst = 20

async function caller(db: Db, brokerUrl: string) {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'read' })
  return sessionToken(db, brokerUrl, agent)
}

/** What a broker says of the rate when it refuses, as soon as it refuses a call of this agent. */
async function refusalOf(broker: BrokerProcess, token: string): Promise<string> {
  for (;;) {
    const answers = await Promise.all(Array.from({ length: 5 }, () => postCall({ broker }, { token })))
    const refused = answers.find(({ text }) => text.includes('rate_limited'))
    if (refused) return refused.text
  }
}

dbTest(
  'two brokers together let an agent call as often as its rate says, and the one that is left takes the whole of it',
  { timeout: 240_000 },
  async ({ db, databaseUrl }) => {
    const upstream = await startUpstream()
    const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
    await db.mcpServer.create({ data: { id: 'modern', name: 'Modern', url: upstream.url, ...rest } })
    const balancer = await startBalancer()
    const env = { WHEELHOUSE_AGENT_CALLS_PER_SECOND: String(rate) }
    const start = () => startBrokerProcess({ databaseUrl, brokerUrl: balancer.url, env })
    const [one, two] = await Promise.all([start(), start()])
    try {
      await until(async () => (await db.mcpTool.count()) === 5, 30_000)
      const probe = await caller(db, balancer.url)
      const share = 'each of the 2 brokers takes an equal part'
      for (const broker of [one, two]) await until(async () => (await refusalOf(broker, probe)).includes(share))

      const token = await caller(db, balancer.url)
      const before = upstream.calls.length
      const startedAt = performance.now()
      await Promise.all(
        [one, two].flatMap((broker) => Array.from({ length: 60 }, () => postCall({ broker }, { token }))),
      )
      const seconds = (performance.now() - startedAt) / 1000
      expect(upstream.calls.length - before).toBeGreaterThan(0)
      expect(upstream.calls.length - before).toBeLessThanOrEqual(burst + Math.ceil(rate * seconds))

      await two.kill()
      await until(async () => !(await refusalOf(one, probe)).includes(share), 60_000)
      expect(await refusalOf(one, await caller(db, balancer.url))).toContain(`of ${burst} are used`)
    } finally {
      await one.stop()
      await two.stop()
      await Promise.all([balancer.stop(), upstream.stop()])
    }
  },
)
