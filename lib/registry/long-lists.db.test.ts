import { PrismaPg } from '@prisma/adapter-pg'
import { expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { PrismaClient } from '#lib/db/generated/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { recordServerTools } from './commands.ts'

const test = dbTest.extend('counting', { scope: 'file' }, async ({ databaseUrl }, { onCleanup }) => {
  const adapter = new PrismaPg({ connectionString: databaseUrl })
  const client = new PrismaClient({
    adapter,
    log: [{ emit: 'event', level: 'query' }],
    transactionOptions: { timeout: 60_000 },
  })
  const statements: string[] = []
  client.$on('query', ({ query }) => statements.push(query))
  onCleanup(() => client.$disconnect())
  return { client: client as unknown as PrismaClient, statements }
})

type Version = { words?: string; extra?: object }

function tools(count: number, { words = 'Looks up an entry.', extra = {} }: Version = {}) {
  return Array.from({ length: count }, (_, index) => ({
    name: `get_entry_${index}`,
    description: `${words} Not as get_entry_${index}.`,
    inputSchema: { type: 'object', ...extra },
  }))
}

test('a list takes as many statements whatever its length, for what is new, changed, seen again and gone', async ({
  db,
  counting: { client, statements },
}) => {
  const taken = async (count: number) => {
    const serverId = await makeServer(db, { tools: {} })
    const ctx = () => ({ db: client, actor: systemActor('broker'), now: new Date() })
    const counts: number[] = []
    const record = async (listed: ReturnType<typeof tools>) => {
      statements.length = 0
      const found = await recordServerTools(ctx(), {
        serverId,
        tools: listed,
        newToolState: 'approved',
        seenBy: 'test',
      })
      counts.push(statements.length)
      return Object.values(found).map(({ length }) => length)
    }
    const half = Math.ceil(count / 2)
    const found = [
      await record(tools(count)),
      await record(tools(count)),
      await record([
        ...tools(half, { words: 'Finds an entry.' }),
        ...tools(count, { extra: { additionalProperties: true } }).slice(half),
      ]),
      await record(tools(1)),
      await record(tools(count)),
    ]
    expect(found).toEqual([
      [count, 0, 0],
      [0, 0, 0],
      [0, count, 0],
      [0, 1, count - 1],
      [0, count - 1, 0],
    ])
    const of = { where: { serverId } }
    expect([await db.mcpTool.count(of), await db.toolRevision.count(of)]).toEqual([count, 4 * count - 1])
    expect(await db.mcpTool.count({ where: { serverId, state: 'approved' } })).toBe(count)
    return counts
  }
  const few = await taken(4)
  expect(Math.max(...few)).toBeLessThan(30)
  expect(await taken(400)).toEqual(few)
})
