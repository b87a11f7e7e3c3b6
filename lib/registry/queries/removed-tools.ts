import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { serverNotFound } from '../server-not-found.ts'
import type { RemovedToolList } from '../schema.ts'
import { overridesOf, toolSelect, toolView } from './tools.ts'

/** So many of the tools that a server no longer lists are told at once. */
const removedShown = 50

/**
 * Tools that a server no longer lists, the last seen first, a page at a time; `cursor` is the name of the last one told. Each keeps its history (`getTool`), however many there are. Needs `servers:read`; throws
 * `not_found`, and `invalid` for a cursor that names no tool.
 */
export async function listRemovedTools(
  ctx: Ctx,
  { serverId, cursor, limit = removedShown }: { serverId: string; cursor?: string | undefined; limit?: number },
): Promise<RemovedToolList> {
  authorize(ctx, 'servers:read')
  const db = reader(ctx)
  const server = await db.mcpServer.findUnique({ where: { id: serverId }, select: { id: true } })
  if (!server) throw serverNotFound(serverId)
  const last = cursor === undefined ? null : await placeOf(ctx, { serverId, name: cursor })
  const rows = await db.mcpTool.findMany({
    where: {
      serverId,
      state: 'removed',
      ...(last ? { OR: [{ lastSeenAt: { lt: last.lastSeenAt } }, { ...last, name: { gt: cursor! } }] } : {}),
    },
    orderBy: [{ lastSeenAt: 'desc' }, { name: 'asc' }],
    take: limit + 1,
    select: toolSelect,
  })
  const total = await db.mcpTool.count({ where: { serverId, state: 'removed' } })
  const shown = rows.slice(0, limit)
  const overrides = shown.length > 0 ? await overridesOf(ctx, serverId) : new Map()
  return {
    items: shown.map((tool) => toolView(tool, overrides)),
    total,
    nextCursor: rows.length > limit ? (shown.at(-1)?.name ?? null) : null,
  }
}

/** Also one that is listed again meanwhile has its place. */
async function placeOf(
  ctx: Ctx,
  { serverId, name }: { serverId: string; name: string },
): Promise<{ lastSeenAt: Date }> {
  const known = await reader(ctx).mcpTool.findUnique({
    where: { serverId_name: { serverId, name } },
    select: { lastSeenAt: true },
  })
  if (known) return known
  throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
}
