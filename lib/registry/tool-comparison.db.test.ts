import { expect } from 'vitest'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { approveTools, recordServerTools } from './commands.ts'
import { compareTools } from './commands/tool-comparison.ts'
import { getServer } from './queries.ts'
import type { ListedTool } from './schema.ts'

const toolOf = (name: string, more: Partial<ListedTool> = {}): ListedTool => ({
  name,
  description: `Handles ${name} entries.`,
  inputSchema: { type: 'object', properties: { id: { type: 'string', maxLength: 10 } } },
  annotations: { readOnlyHint: true },
  ...more,
})
const wider = { inputSchema: { type: 'object', properties: { id: { type: 'string', maxLength: 99 } } } }

/** A server whose tools are approved but for `fresh`, and what it would list next. */
async function world(db: Ctx['db']) {
  const serverId = await makeServer(db, { tools: {} })
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const list = (tools: ListedTool[]) =>
    recordServerTools(
      { db, actor: systemActor('broker'), now: new Date() },
      { serverId, tools, newToolState: 'quarantined', seenBy: 'broker test:1' },
    )
  await list(['kept', 'worded', 'widened', 'armed', 'fresh', 'gone', 'back'].map((name) => toolOf(name)))
  const { toolList } = await getServer(ctx, serverId)
  const known = toolList.filter(({ name }) => name !== 'fresh')
  await approveTools(ctx, { serverId, tools: known.map(({ name, definitionHash }) => ({ name, definitionHash })) })
  await list(toolList.filter(({ name }) => name !== 'back').map(({ name }) => toolOf(name)))
  const next = [
    toolOf('kept'),
    toolOf('worded', { description: 'Takes care of worded entries.' }),
    toolOf('widened', wider),
    toolOf('armed', { annotations: { destructiveHint: true } }),
    toolOf('fresh', wider),
    toolOf('back'),
    toolOf('added'),
  ]
  const compare = (isWhole = true) => compareTools(ctx, { serverId, tools: next, isWhole })
  return { ctx, serverId, list, next, compare }
}

dbTest('what a comparison says of each tool is what the watch then says, and nothing is kept of it', async ({ db }) => {
  const { ctx, serverId, list, next, compare } = await world(db)
  const before = await getServer(ctx, serverId)
  const comparison = (await compare())!
  expect(await getServer(ctx, serverId)).toEqual(before)
  expect(comparison).toMatchObject({ removed: ['gone'], unchanged: 1, leftOut: [] })
  const added = new Map(comparison.added.map(({ name, waits }) => [name, waits]))
  expect(added).toEqual(
    new Map([
      ['added', true],
      ['back', false],
    ]),
  )
  const changed = new Map(comparison.changed.map((tool) => [tool.name, tool]))
  expect([...changed.keys()].toSorted()).toEqual(['armed', 'fresh', 'widened', 'worded'])
  expect(changed.get('worded')).toMatchObject({ verdict: 'wording', waits: false })
  expect(changed.get('fresh')).toMatchObject({ verdict: 'new', waits: true })
  expect(changed.get('armed')).toMatchObject({ classBefore: 'read', class: 'destructive', waits: true })
  expect(changed.get('widened')).toMatchObject({
    verdict: 'suspended',
    findings: [{ kind: 'schema_wider', path: expect.stringContaining('/inputSchema') }],
  })

  await list(next)
  const { toolList, removedTools } = await getServer(ctx, serverId)
  expect(removedTools.map(({ name }) => name)).toEqual(comparison.removed)
  for (const { name, verdict, waits, class: toolClass, findings } of [...comparison.added, ...comparison.changed]) {
    const tool = toolList.find((tool) => tool.name === name)
    expect(tool).toMatchObject({ name, verdict, state: waits ? 'quarantined' : 'approved', class: toolClass, findings })
  }
})

dbTest('of a list that was cut off nobody says what is gone, and of no server nothing is said', async ({ db }) => {
  const { ctx, compare } = await world(db)
  expect(await compare(false)).toMatchObject({ removed: null })
  expect(await compareTools(ctx, { serverId: 'nowhere', tools: [], isWhole: true })).toBeNull()
})
