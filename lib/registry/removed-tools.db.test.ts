import { expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { recordServerTools, TooManyNames } from './commands.ts'
import { getServer, getTool, listRemovedTools } from './queries.ts'

const toolNamed = (name: string, description = 'Looks up an entry.') => ({
  name,
  description,
  inputSchema: { type: 'object' },
})

function recorder(db: Db, serverId: string) {
  return (tools: ReturnType<typeof toolNamed>[], newToolState: 'approved' | 'quarantined' = 'approved') =>
    recordServerTools(
      { db, actor: systemActor('broker'), now: new Date() },
      { serverId, tools, newToolState, seenBy: 'test' },
    )
}

/** Tools as a server leaves them behind that gives its tools other names again and again. */
async function leaveBehind(db: Db, serverId: string, count: number): Promise<void> {
  await db.$executeRaw`
    insert into "McpTool" ("serverId", "name", "description", "inputSchema", "annotations", "class", "state", "definitionHash", "firstSeenAt", "lastSeenAt")
    select ${serverId}, 'old_' || i, '', '{}', '{}', 'read', 'removed', 'hash', now() - make_interval(days => 9), now() - make_interval(secs => 60 + i / 2)
    from generate_series(1, ${count}::int) i`
}

dbTest(
  'of what a server no longer lists so much is shown, the rest page by page, and each keeps its history',
  async ({ db }) => {
    const serverId = await makeServer(db, { tools: {} })
    const record = recorder(db, serverId)
    await record([toolNamed('first'), toolNamed('stays')])
    expect((await record([toolNamed('stays')])).removed).toEqual(['first'])
    await leaveBehind(db, serverId, 120)
    const ctx = ctxFor(db)
    const { toolList, removedTools, removedTotal } = await getServer(ctx, serverId)
    expect(toolList.map(({ name }) => name)).toEqual(['stays'])
    expect([removedTools.length, removedTools[0]?.name, removedTotal]).toEqual([50, 'first', 121])
    const names: string[] = []
    for (let cursor: string | undefined | null; cursor !== null;) {
      const page = await listRemovedTools(ctx, { serverId, cursor: cursor ?? undefined })
      names.push(...page.items.map(({ name }) => name))
      cursor = page.nextCursor
    }
    expect([names.length, new Set(names).size]).toEqual([121, 121])
    expect((await getTool(ctx, { serverId, name: 'first' })).history).toHaveLength(2)
    await expect(listRemovedTools(ctx, { serverId, cursor: 'no tool' })).rejects.toMatchObject({ code: 'invalid' })
    await expect(listRemovedTools(ctxFor(db), { serverId: 'none' })).rejects.toMatchObject({ code: 'not_found' })
    // What it lists again is known again, with what was approved of it.
    await record([toolNamed('first'), toolNamed('stays')])
    expect((await getServer(ctx, serverId)).toolList.map(({ name, state }) => [name, state])).toEqual([
      ['first', 'approved'],
      ['stays', 'approved'],
    ])
  },
)

dbTest(
  'when not all names that agents may be shown can be searched for, nothing new passes, and it says so',
  async ({ db }) => {
    const serverId = await makeServer(db, { tools: {} })
    const record = recorder(db, serverId)
    await record([toolNamed('look'), toolNamed('other')])
    const other = await makeServer(db, { tools: {} })
    await db.$executeRaw`
    insert into "McpTool" ("serverId", "name", "description", "inputSchema", "annotations", "class", "state", "definitionHash")
    select ${other}, 'tool_' || i, '', '{}', '{}', 'read', 'approved', 'hash' from generate_series(1, 20000) i`
    const changed = [toolNamed('look', 'Looks an entry up.'), toolNamed('other'), toolNamed('fresh')]
    await expect(record(changed)).rejects.toThrow(TooManyNames)
    const stateOf = async () => (await getServer(ctxFor(db), serverId)).toolList.map(({ name, state }) => [name, state])
    expect(await stateOf()).toEqual([
      ['look', 'quarantined'],
      ['other', 'approved'],
    ])
    await db.mcpTool.deleteMany({ where: { serverId: other } })
    await record(changed)
    expect(await stateOf()).toEqual([
      ['fresh', 'approved'],
      ['look', 'approved'],
      ['other', 'approved'],
    ])
  },
)

dbTest('a name beyond the first 5,000 that are approved is looked for, however many wait', async ({ db }) => {
  const [approved, waiting] = [await makeServer(db, { tools: {} }), await makeServer(db, { tools: {} })]
  for (const [serverId, state, prefix] of [
    [approved, 'approved', 'tool'],
    [waiting, 'quarantined', 'aaa'],
  ] as const) {
    await db.$executeRaw`
      insert into "McpTool" ("serverId", "name", "description", "inputSchema", "annotations", "class", "state", "definitionHash")
      select ${serverId}, ${prefix} || '_' || lpad(i::text, 5, '0') || '_entry', '', '{}', '{}', 'read', ${state}::"ToolState", 'hash' from generate_series(1, 6000) i`
  }
  const serverId = await makeServer(db, { tools: {} })
  const record = recorder(db, serverId)
  await record([toolNamed('look', 'Before it, call tool_05999_entry.')], 'quarantined')
  const [look] = (await getServer(ctxFor(db), serverId)).toolList
  expect(JSON.stringify(look!.findings)).toContain('tool_05999_entry')
})
