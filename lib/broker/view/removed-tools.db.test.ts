import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { serverFactsSql } from '#lib/guardrails/queries/facts-sql.ts'
import { serversSql } from './rows.ts'

type Read = { tools: { name: string; state: string }[] }

dbTest(
  'a server that leaves names behind without end fills no memory: brokers and simulations know the last of them',
  async ({ db }) => {
    const serverId = await makeServer(db, { tools: { look: 'read' } })
    await db.$executeRaw`
    insert into "McpTool" ("serverId", "name", "description", "inputSchema", "annotations", "class", "state", "definitionHash", "lastSeenAt")
    select ${serverId}, 'old_' || i, '', '{}', '{}', 'read', 'removed', 'hash', now() - make_interval(secs => i) from generate_series(1, 300) i`
    const read = async (text: string) => {
      const [server] = await db.$queryRawUnsafe<Read[]>(text, [serverId])
      return server!.tools.map(({ name }) => name)
    }
    const brokers = await read(serversSql.text)
    expect(brokers).toHaveLength(201)
    expect(brokers).toEqual(expect.arrayContaining(['look', 'old_1', 'old_200']))
    expect(brokers).not.toContain('old_201')
    expect(await read(serverFactsSql.text)).toEqual(brokers)
  },
)
