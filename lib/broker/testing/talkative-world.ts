import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, portalUrl } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import type { BrokerOptions } from '../broker.ts'
import { startBroker, type TestBroker } from './start-broker.ts'
import { startLegacyTalkative, startModernTalkative } from './talkative-servers.ts'

/** A talkative server of each era, `legacy` and `modern`, and a broker in front of both for each of the limits. */
export async function talkativeWorld<const Limits extends readonly NonNullable<BrokerOptions['limits']>[]>(
  { db, databaseUrl }: { db: Db; databaseUrl: string },
  limits: Limits,
) {
  const servers = { legacy: await startLegacyTalkative(), modern: await startModernTalkative() }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries(servers)) {
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  }
  const brokers: TestBroker[] = []
  for (const each of limits) {
    const options = { db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits: each }
    brokers.push(await startBroker(options))
  }
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 6)
  return {
    servers,
    brokers: brokers as { [At in keyof Limits]: TestBroker },
    async stop() {
      for (const { broker, stop } of brokers) {
        // What nobody answered would wait for long.
        broker.abort()
        await stop()
      }
      for (const server of Object.values(servers)) server.stop()
    },
  }
}
