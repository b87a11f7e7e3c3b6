import { expect } from 'vitest'
import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import {
  approveTools,
  classifyTool,
  confirmLoosening,
  recordServerTools,
  rejectTool,
  updateServer,
  withdrawLoosening,
} from './commands.ts'
import { getServer, getTool, listLoosenings } from './queries.ts'

const now = new Date('2026-11-22T10:00:00Z')
const reason = 'It only marks.'

async function world(db: Db) {
  const id = await makeServer(db, { environment: 'production', tools: { wipe: 'destructive', look: 'read' } })
  await db.mcpServer.update({ where: { id }, data: { sensitivity: 'restricted', dataClasses: ['personal', 'health'] } })
  const person = async (role: Role = 'security', at = now) => ctxFor(db, await makePerson(db, { roles: [role] }), at)
  const [one, other] = [await person(), await person('platform_admin')]
  const server = () => db.mcpServer.findUniqueOrThrow({ where: { id } })
  const tool = (name = 'wipe') => db.mcpTool.findUniqueOrThrow({ where: { serverId_name: { serverId: id, name } } })
  const waiting = async () => await listLoosenings(one, { serverId: id })
  const events = async () => (await auditOf(db, id)).map(({ event }) => event)
  return { id, person, one, other, server, tool, waiting, events }
}

dbTest('lower facts of a server wait for a second person, and the stricter count until then', async ({ db }) => {
  const { id, one, other, server, waiting, events } = await world(db)
  const lower = { id, environment: 'staging', sensitivity: 'public', dataClasses: ['health', 'financial'] } as const
  expect(await updateServer(one, { ...lower, dataClasses: [...lower.dataClasses], name: 'ERP' })).toEqual({
    waits: true,
  })
  // What adds counts at once, beside what does not loosen anything.
  const strict = {
    environment: 'production',
    sensitivity: 'restricted',
    dataClasses: ['personal', 'health', 'financial'],
  }
  expect(await server()).toMatchObject({ ...strict, name: 'ERP' })
  const open = await waiting()
  expect(open).toMatchObject([
    { what: 'environment', before: 'production', after: 'staging', tool: null, proposedBy: { id: one.actor.id } },
    { what: 'sensitivity', before: 'restricted', after: 'public' },
    { what: 'data_class', before: 'personal', after: null },
  ])
  expect((await getServer(one, id)).loosenings).toEqual(open)
  // Neither asking again nor whoever asked lets it count.
  await updateServer(one, { id, environment: 'staging' })
  expect(await waiting()).toHaveLength(3)
  await expect(confirmLoosening(one, { looseningId: open[0]!.id })).rejects.toMatchObject({
    code: 'forbidden',
    details: { rule: 'registry:own_proposal' },
  })
  expect(await server()).toMatchObject(strict)
  for (const { id: looseningId } of open) await confirmLoosening(other, { looseningId })
  expect(await server()).toMatchObject({
    environment: 'staging',
    sensitivity: 'public',
    dataClasses: ['health', 'financial'],
  })
  expect(await waiting()).toEqual([])
  expect((await events()).filter((event) => event === 'server.loosening_confirmed')).toHaveLength(3)
  const raised = await updateServer(one, { id, environment: 'production', sensitivity: 'restricted' })
  expect(raised).toEqual({ waits: false })
  expect(await server()).toMatchObject({ environment: 'production', sensitivity: 'restricted' })
})

dbTest('a lower class waits for a second person, and a higher one counts at once', async ({ db }) => {
  const { id, one, other, tool, waiting, events } = await world(db)
  const classify = (toolClass: 'read' | 'write' | 'destructive' | null) =>
    classifyTool(one, { serverId: id, name: 'wipe', class: toolClass, reason })
  expect(await classify('read')).toEqual({ waits: true })
  expect(await tool()).toMatchObject({ class: 'destructive' })
  // Another wish takes the place of the first.
  expect(await classify('write')).toEqual({ waits: true })
  const [open, ...rest] = await waiting()
  expect(rest).toEqual([])
  expect(open).toMatchObject({ tool: 'wipe', what: 'tool_class', before: 'destructive', after: 'write', reason })
  await confirmLoosening(other, { looseningId: open!.id })
  expect(await tool()).toMatchObject({ class: 'write', classSource: 'platform' })
  expect((await getTool(one, { serverId: id, name: 'wipe' })).override).toMatchObject({ by: { id: other.actor.id } })
  expect(await classify('destructive')).toEqual({ waits: false })
  expect(await tool()).toMatchObject({ class: 'destructive' })
  expect(await events()).toEqual([
    'server.loosening_proposed',
    'server.loosening_ended',
    'server.loosening_proposed',
    'server.loosening_confirmed',
    'tool.classified',
    'tool.classified',
  ])
  // What is changed otherwise meanwhile is not lowered by what was proposed before.
  await classifyTool(one, { serverId: id, name: 'look', class: 'destructive', reason })
  await classifyTool(one, { serverId: id, name: 'look', class: 'read', reason })
  const [stale] = await waiting()
  await classifyTool(other, { serverId: id, name: 'look', class: 'destructive', reason })
  await expect(confirmLoosening(other, { looseningId: stale!.id })).rejects.toMatchObject({ code: 'conflict' })
})

dbTest('of two who confirm at once one does; what is withdrawn or a week old waits no more', async ({ db }) => {
  const { id, one, other, person, server, waiting } = await world(db)
  const propose = async (environment: 'staging' | 'development') => {
    await updateServer(one, { id, environment })
    return (await waiting())[0]!.id
  }
  const looseningId = await propose('staging')
  const third = await person()
  const outcomes = await Promise.allSettled([other, third].map((ctx) => confirmLoosening(ctx, { looseningId })))
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  const withdrawn = await propose('development')
  await withdrawLoosening(third, { looseningId: withdrawn })
  await expect(withdrawLoosening(third, { looseningId: withdrawn })).rejects.toMatchObject({ code: 'conflict' })
  const late = await propose('development')
  const nextWeek = { ...other, now: new Date(now.getTime() + 7 * 86_400_000) }
  expect(await listLoosenings(nextWeek, { serverId: id })).toEqual([])
  await expect(confirmLoosening(nextWeek, { looseningId: late })).rejects.toMatchObject({
    details: { rule: 'registry:proposal_ended' },
  })
  expect(await server()).toMatchObject({ environment: 'staging' })
  for (const role of ['builder', 'team_lead', 'finance', 'on_call'] as const) {
    for (const command of [confirmLoosening, withdrawLoosening]) {
      await expect(command(await person(role), { looseningId: late })).rejects.toMatchObject({
        details: { permission: 'servers:manage' },
      })
    }
  }
  await expect(confirmLoosening(other, { looseningId: crypto.randomUUID() })).rejects.toMatchObject({
    code: 'not_found',
  })
})

dbTest('approving does not lower a class alone, whatever the server declares by now', async ({ db }) => {
  const { one, other } = await world(db)
  const id = await makeServer(db, { tools: {} })
  const listed = (annotations: object, description = 'Posts.') =>
    recordServerTools(one, {
      serverId: id,
      tools: [{ name: 'post', description, inputSchema: {}, annotations: { ...annotations } }],
      newToolState: 'quarantined',
      seenBy: 'test',
    })
  const tool = () => db.mcpTool.findUniqueOrThrow({ where: { serverId_name: { serverId: id, name: 'post' } } })
  const approve = async (toolClass?: 'read' | 'write') => {
    const { definitionHash } = await tool()
    const named = { name: 'post', definitionHash, ...(toolClass ? { class: toolClass } : {}) }
    return await approveTools(one, { serverId: id, tools: [named], reason })
  }
  const confirm = async () => {
    const [open] = await listLoosenings(one, { serverId: id })
    await confirmLoosening(other, { looseningId: open!.id })
  }
  // A new one that says nothing of itself is approved as what that counts as, until two say that it is less.
  await listed({})
  expect(await approve('write')).toEqual({ approved: ['post'], waits: ['post'] })
  expect(await tool()).toMatchObject({ state: 'approved', class: 'destructive', classSource: 'annotations' })
  await confirm()
  expect(await tool()).toMatchObject({ state: 'approved', class: 'write', classSource: 'platform' })
  // What two have said stays, whoever approves it again.
  await listed({}, 'Posts more, and tells nobody about it.')
  expect(await approve()).toMatchObject({ waits: [] })
  expect(await tool()).toMatchObject({ class: 'write' })
  // Nor does it help that the server declares less, also after its approval was withdrawn.
  await classifyTool(one, { serverId: id, name: 'post', class: null, reason })
  expect(await tool()).toMatchObject({ class: 'destructive', classSource: 'annotations' })
  await rejectTool(one, { serverId: id, name: 'post', definitionHash: (await tool()).definitionHash, reason })
  await listed({ readOnlyHint: true })
  expect(await tool()).toMatchObject({ class: 'read', state: 'quarantined' })
  expect(await approve()).toEqual({ approved: ['post'], waits: ['post'] })
  expect(await tool()).toMatchObject({ state: 'approved', class: 'destructive', classSource: 'platform' })
  await confirm()
  expect(await tool()).toMatchObject({ state: 'approved', class: 'read', classSource: 'annotations' })
  // A new tool is approved as what it declares, by one person.
  const fresh = await makeServer(db, { tools: {} })
  const look = { name: 'look', inputSchema: {}, annotations: { readOnlyHint: true } }
  await recordServerTools(one, { serverId: fresh, tools: [look], newToolState: 'quarantined', seenBy: 'test' })
  const { definitionHash } = await db.mcpTool.findFirstOrThrow({ where: { serverId: fresh } })
  const asDeclared = { serverId: fresh, tools: [{ name: 'look', definitionHash }] }
  expect(await approveTools(one, asDeclared)).toEqual({ approved: ['look'], waits: [] })
})

dbTest(
  'a class below what was decided before is confirmed as it was proposed, whatever the server declares by now',
  async ({ db }) => {
    const { one, other } = await world(db)
    const id = await makeServer(db, { tools: {} })
    const listed = (annotations: { readOnlyHint?: boolean }) =>
      recordServerTools(one, {
        serverId: id,
        tools: [{ name: 'post', inputSchema: {}, annotations }],
        newToolState: 'quarantined',
        seenBy: 'test',
      })
    const tool = () => db.mcpTool.findUniqueOrThrow({ where: { serverId_name: { serverId: id, name: 'post' } } })
    await listed({})
    await approveTools(one, {
      serverId: id,
      tools: [{ name: 'post', definitionHash: (await tool()).definitionHash }],
      reason,
    })
    await listed({ readOnlyHint: true })
    expect(await tool()).toMatchObject({ class: 'read', state: 'quarantined' })
    expect(await classifyTool(one, { serverId: id, name: 'post', class: 'write', reason })).toMatchObject({
      waits: true,
    })
    const [open] = await listLoosenings(one, { serverId: id })
    expect(open).toMatchObject({ before: 'destructive', after: 'write' })
    await confirmLoosening(other, { looseningId: open!.id })
    expect(await tool()).toMatchObject({ class: 'write', classSource: 'platform' })
  },
)

dbTest('a proposal about a tool that changed since is confirmed by nobody', async ({ db }) => {
  const { id, one, other, waiting, tool } = await world(db)
  await classifyTool(one, { serverId: id, name: 'wipe', class: 'read', reason })
  const { definitionHash } = await tool()
  const [open] = await waiting()
  const changes = [{ definitionHash: 'another' }, { definitionHash, class: 'write' }] as const
  for (const data of changes) {
    await db.mcpTool.updateMany({ where: { serverId: id, name: 'wipe' }, data })
    await expect(confirmLoosening(other, { looseningId: open!.id })).rejects.toMatchObject({
      code: 'conflict',
      details: { rule: 'registry:tool_changed' },
    })
  }
  expect(await tool()).toMatchObject({ class: 'write' })
  expect(await waiting()).toHaveLength(1)
})

dbTest('a proposal about a fact that changed since is confirmed by nobody, and changes nothing', async ({ db }) => {
  const { id, one, other, waiting, server } = await world(db)
  await updateServer(one, { id, environment: 'staging', sensitivity: 'internal', dataClasses: ['health'] })
  // Raised or named no more by something that does not know what is proposed.
  const now = { environment: 'development', sensitivity: 'confidential', dataClasses: ['health'] } as const
  await db.mcpServer.update({ where: { id }, data: { ...now, dataClasses: [...now.dataClasses] } })
  const open = await waiting()
  expect(open).toHaveLength(3)
  for (const { id: looseningId } of open) {
    await expect(confirmLoosening(other, { looseningId })).rejects.toMatchObject({
      code: 'conflict',
      details: { rule: 'registry:server_changed' },
    })
  }
  expect(await server()).toMatchObject(now)
  expect(await waiting()).toHaveLength(3)
})
