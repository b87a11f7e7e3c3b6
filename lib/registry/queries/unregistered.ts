import { z } from 'zod'
import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { timeText } from '#lib/core/instant.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import type {
  FoundDefinition,
  UnregisteredList,
  UnregisteredQuery,
  UnregisteredRow,
  UnregisteredSource,
  UnregisteredState,
  UnregisteredView,
} from '../schema/unregistered.ts'

/** How far the comparison with Claude is. */
const notShown = { listedAt: true, sessionsLookedAt: true } as const

/** What is not registered, last seen first, a page at a time. Needs `agents:read`; throws `invalid` for a cursor that is wrong. */
export async function listUnregistered(ctx: Ctx, query: UnregisteredQuery): Promise<UnregisteredList> {
  authorize(ctx, 'agents:read')
  const where = { state: query.state, ...(query.source ? { source: query.source } : {}) }
  const rows = await reader(ctx).unregisteredAgent.findMany({
    where: { ...where, ...afterCursor(query.cursor) },
    orderBy: [{ lastSeenAt: 'desc' }, { id: 'desc' }],
    take: query.limit + 1,
    omit: { ...notShown, definition: true },
  })
  const page = rows.slice(0, query.limit)
  const last = page.at(-1)
  return {
    items: page.map(toRow),
    total: await reader(ctx).unregisteredAgent.count({ where }),
    nextCursor: last && rows.length > query.limit ? `${last.lastSeenAt.toISOString()}_${last.id}` : null,
  }
}

/** One finding with what it is made of, as far as Claude says it. Needs `agents:read`; throws `not_found`. */
export async function getUnregistered(ctx: Ctx, id: string): Promise<UnregisteredView> {
  authorize(ctx, 'agents:read')
  const row = z.uuid().safeParse(id).success
    ? await reader(ctx).unregisteredAgent.findUnique({ where: { id }, omit: notShown })
    : null
  if (!row) throw new DomainError('not_found', 'There is no such finding.')
  const { definition, ...rest } = row
  return { ...toRow(rest), definition: definition as FoundDefinition | null }
}

/** How many wait for a decision. Needs `agents:read`. */
export async function countUnregistered(ctx: Ctx): Promise<number> {
  authorize(ctx, 'agents:read')
  return await reader(ctx).unregisteredAgent.count({ where: { state: 'open' } })
}

function afterCursor(cursor: string | undefined): Prisma.UnregisteredAgentWhereInput {
  if (cursor === undefined) return {}
  const [at = '', id = ''] = cursor.split('_')
  if (!timeText().safeParse(at).success || !z.uuid().safeParse(id).success) {
    throw new DomainError('invalid', 'This cursor is not one that was given out.', {
      field: 'cursor',
      rule: 'registry:cursor',
    })
  }
  return { OR: [{ lastSeenAt: { lt: new Date(at) } }, { lastSeenAt: new Date(at), id: { lt: id } }] }
}

function toRow(
  row: Prisma.UnregisteredAgentGetPayload<{ omit: typeof notShown & { definition: true } }>,
): UnregisteredRow {
  return {
    ...row,
    source: row.source as UnregisteredSource,
    state: row.state as UnregisteredState,
    detail: row.detail as Record<string, string>,
    firstSeenAt: row.firstSeenAt.toISOString(),
    lastSeenAt: row.lastSeenAt.toISOString(),
    decidedAt: row.decidedAt?.toISOString() ?? null,
  }
}
