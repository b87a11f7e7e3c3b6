import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { stillWaits, waitsSince } from '#lib/core/second-person.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Loosened } from '../rules/loosenings.ts'
import { columnOf, type GuardingSettings, textOf, valueOf } from '../rules/loosened-settings.ts'
import { isSetting, type LooseningInput, type LoosenedFact, type LoosenedSetting } from '../schema/loosenings.ts'
import { type LockedServer, lockServer, subjectOf } from './server-lock.ts'
import { setToolClass, strictestClass } from './tool-class.ts'

type Of = { what: LoosenedFact; toolName: string | null; before?: string }
type Proposed = Loosened & {
  toolName: string | null
  reason: string | null
  /** Of a class: what it is about and who will have said it. */
  definitionHash?: string
  classSource?: 'annotations' | 'platform'
}

/** Notes what would loosen a fact of a server, which is locked; until a second person confirms it nothing changes. The same that waits already is not noted twice, another one takes its place. */
export async function proposeLoosening(tx: Tx, ctx: Ctx, server: LockedServer, wanted: Proposed): Promise<void> {
  const person = requirePerson(ctx)
  const { what, toolName, before, after, reason } = wanted
  const open = await openOf(tx, ctx, server, wanted)
  if (
    open.some(
      (one) => one.before === before && one.after === after && one.definitionHash === (wanted.definitionHash ?? null),
    )
  )
    return
  await endOf(tx, ctx, server, { ids: open.map(({ id }) => id), how: 'replaced' })
  const { id } = await tx.loosening.create({
    data: { ...wanted, serverId: server.id, proposedById: person.id, proposedAt: ctx.now },
    select: { id: true },
  })
  recordAudit(tx, ctx, {
    event: 'server.loosening_proposed',
    ...subjectOf(server),
    ...(toolName ? { tool: toolName } : {}),
    detail: { looseningId: id, what, before, after, reason },
  })
}

/** What was proposed of a fact ends when somebody changes the fact otherwise. */
export async function replaceLoosenings(tx: Tx, ctx: Ctx, server: LockedServer, of: Of): Promise<void> {
  const open = await openOf(tx, ctx, server, of)
  await endOf(tx, ctx, server, { ids: open.map(({ id }) => id), how: 'replaced' })
}

/**
 * Lets a lower fact count that somebody else has proposed: a class of a tool, an environment, a sensitivity, a kind of data less, or a looser guard or boundary. Needs `servers:manage`; throws `not_found`,
 * `forbidden` for who proposed it, `conflict` when it waits no more, or its tool or that fact of its server changed since. Of two at once one does.
 */
export async function confirmLoosening(ctx: Ctx, input: LooseningInput): Promise<void> {
  authorize(ctx, 'servers:manage')
  const person = requirePerson(ctx)
  await inTx(ctx, async (tx, ctx) => {
    const { server, row } = await lockLoosening(tx, ctx, input.looseningId)
    if (row.proposedById === person.id) {
      const message = 'You proposed it, and it loosens controls, so somebody else confirms it.'
      throw new DomainError('forbidden', message, { rule: 'registry:own_proposal' })
    }
    await tx.loosening.update({
      where: { id: row.id },
      data: { endedAt: ctx.now, endedById: person.id, how: 'confirmed' },
    })
    recordAudit(tx, ctx, {
      event: 'server.loosening_confirmed',
      ...subjectOf(server),
      ...(row.toolName ? { tool: row.toolName } : {}),
      detail: { looseningId: row.id, what: row.what },
    })
    await carryOut(tx, ctx, server, row)
  })
}

/** Ends what was proposed; what counts goes on counting. Needs `servers:manage`; throws `not_found`, and `conflict` when it waits no more. */
export async function withdrawLoosening(ctx: Ctx, input: LooseningInput): Promise<void> {
  authorize(ctx, 'servers:manage')
  requirePerson(ctx)
  await inTx(ctx, async (tx, ctx) => {
    const { server, row } = await lockLoosening(tx, ctx, input.looseningId)
    await endOf(tx, ctx, server, { ids: [row.id], how: 'withdrawn' })
  })
}

type Row = Awaited<ReturnType<typeof lockLoosening>>['row']

async function carryOut(tx: Tx, ctx: Ctx, server: LockedServer, row: Row): Promise<void> {
  const what = row.what as LoosenedFact
  if (what === 'tool_class') {
    const tool = await tx.mcpTool.findUnique({
      where: { serverId_name: { serverId: server.id, name: row.toolName ?? '' } },
    })
    const isAsProposed = tool && tool.state !== 'removed' && tool.definitionHash === row.definitionHash
    // As it was proposed about: what was decided before counts for it, too, and may be stricter than what the tool is now.
    if (!isAsProposed || (await strictestClass(tx, tool)) !== row.before) {
      const message = `${row.toolName} changed since it was proposed. Read its definition, and propose it again.`
      throw new DomainError('conflict', message, { rule: 'registry:tool_changed' })
    }
    const classed = { class: row.after as 'read', classSource: row.classSource as 'platform' }
    await setToolClass(tx, ctx, server, { tool, ...classed, reason: row.reason ?? '' })
    return
  }
  if (isSetting(what)) return await carryOutSetting(tx, ctx, server, { ...row, what })
  const asProposed = what === 'data_class' ? server.dataClasses.includes(row.before) : server[what] === row.before
  if (!asProposed) throw serverChanged()
  const [before, after] =
    what === 'data_class'
      ? [{ dataClasses: server.dataClasses }, { dataClasses: server.dataClasses.filter((kind) => kind !== row.before) }]
      : [{ [what]: row.before }, { [what]: row.after }]
  await tx.mcpServer.update({ where: { id: server.id }, data: { ...after, updatedAt: ctx.now } })
  recordAudit(tx, ctx, { event: 'server.updated', ...subjectOf(server), detail: { before, after } })
}

async function carryOutSetting(
  tx: Tx,
  ctx: Ctx,
  server: LockedServer,
  { what, ...row }: Omit<Row, 'what'> & { what: LoosenedSetting },
): Promise<void> {
  const column = columnOf(what)
  const before = { [column]: server[column] }
  if (textOf((server as GuardingSettings)[column]) !== row.before) throw serverChanged()
  const after = { [column]: valueOf(what, row.after ?? '') }
  await tx.mcpServer.update({ where: { id: server.id }, data: { ...after, updatedAt: ctx.now } })
  recordAudit(tx, ctx, { event: 'server.updated', ...subjectOf(server), detail: { before, after } })
}

function serverChanged(): DomainError {
  const message = 'The server changed since it was proposed. Read what it is now, and propose it again.'
  return new DomainError('conflict', message, { rule: 'registry:server_changed' })
}

/** Locks the server, then reads what was proposed of it: the order everybody keeps. */
async function lockLoosening(tx: Tx, ctx: Ctx, id: string) {
  const found = await tx.loosening.findUnique({ where: { id }, select: { serverId: true } })
  if (!found) throw new DomainError('not_found', 'Nothing of the like was proposed.')
  const server = await lockServer(tx, found.serverId)
  const row = await tx.loosening.findUniqueOrThrow({ where: { id } })
  if (row.endedAt !== null || !stillWaits(row.proposedAt, ctx.now)) {
    throw new DomainError('conflict', 'It waits no more.', { rule: 'registry:proposal_ended' })
  }
  return { server, row }
}

async function openOf(tx: Tx, ctx: Ctx, server: LockedServer, { what, toolName, before }: Of) {
  return await tx.loosening.findMany({
    where: {
      serverId: server.id,
      toolName,
      what,
      // Each kind of data waits by itself.
      ...(what === 'data_class' && before !== undefined ? { before } : {}),
      endedAt: null,
      proposedAt: { gt: waitsSince(ctx.now) },
    },
  })
}

async function endOf(
  tx: Tx,
  ctx: Ctx,
  server: LockedServer,
  { ids, how }: { ids: readonly string[]; how: 'withdrawn' | 'replaced' },
): Promise<void> {
  const endedById = ctx.actor.kind === 'person' ? ctx.actor.id : null
  for (const id of ids) {
    const { toolName } = await tx.loosening.update({ where: { id }, data: { endedAt: ctx.now, endedById, how } })
    recordAudit(tx, ctx, {
      event: 'server.loosening_ended',
      ...subjectOf(server),
      ...(toolName ? { tool: toolName } : {}),
      detail: { looseningId: id, how },
    })
  }
}
