import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { waitsSince, waitsUntil } from '#lib/core/second-person.ts'
import type { LoosenedFact, LooseningView } from '../schema/loosenings.ts'
import { personNames } from './people.ts'

/** What would loosen the facts of servers and tools and waits for a second person, the oldest first. Needs `servers:read`. */
export async function listLoosenings(ctx: Ctx, { serverId }: { serverId?: string } = {}): Promise<LooseningView[]> {
  authorize(ctx, 'servers:read')
  const rows = await reader(ctx).loosening.findMany({
    where: { endedAt: null, proposedAt: { gt: waitsSince(ctx.now) }, ...(serverId === undefined ? {} : { serverId }) },
    orderBy: [{ proposedAt: 'asc' }, { id: 'asc' }],
    take: 1000,
    include: { server: { select: { id: true, name: true } } },
  })
  const people = await personNames(
    ctx,
    rows.map(({ proposedById }) => proposedById),
  )
  return rows.map(({ id, server, toolName, what, before, after, reason, proposedById, proposedAt }) => ({
    id,
    server,
    tool: toolName,
    what: what as LoosenedFact,
    before,
    after,
    reason,
    proposedBy: people.get(proposedById) ?? { id: proposedById, name: 'unknown', active: false },
    proposedAt: proposedAt.toISOString(),
    until: waitsUntil(proposedAt).toISOString(),
  }))
}
