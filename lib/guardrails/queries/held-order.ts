import { can, type Ctx, reader } from '#lib/auth/ctx.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { waitingVersionsBy } from './writers.ts'

const decidableMax = 2000

/** Which held calls come on a page on which those stand first that the reader may decide about, each part oldest first. */
export async function decidableFirst(
  ctx: Ctx,
  page: {
    where: Prisma.HeldCallWhereInput
    behind: Prisma.HeldCallWhereInput | null
    last: string | null
    take: number
  },
): Promise<string[]> {
  const { where, behind, last, take } = page
  const mine = await decidableBy(ctx)
  const find = async (more: Prisma.HeldCallWhereInput[], limit: number) => {
    const rows = await reader(ctx).heldCall.findMany({
      where: { AND: [where, ...more] },
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
      take: limit,
      select: { id: true },
    })
    return rows.map(({ id }) => id)
  }
  const behindLast = behind ? [behind] : []
  const first = mine ? await find([mine], decidableMax) : []
  // The last one of a page may be decided meanwhile, and still says in which part it was.
  const lastIsMine =
    mine !== null && last !== null && (await reader(ctx).heldCall.count({ where: { AND: [{ id: last }, mine] } })) > 0
  const rest = mine && (last === null || lastIsMine) ? await find([mine, ...behindLast], take) : []
  if (rest.length >= take) return rest
  const others = await find([{ id: { notIn: first } }, ...(lastIsMine ? [] : behindLast)], take - rest.length)
  return [...rest, ...others]
}

/** The rule of `decideHeld` as a condition, as far as it orders a list: each call of it is asked about by the rule itself. null: none. */
async function decidableBy({ actor, ...ctx }: Ctx): Promise<Prisma.HeldCallWhereInput | null> {
  if (actor.kind !== 'person' || !can(actor, 'calls:decide')) return null
  const runs = await reader({ actor, ...ctx }).run.findMany({
    where: { requestedById: actor.id, state: { in: ['queued', 'running'] } },
    select: { id: true },
  })
  const me = await reader({ actor, ...ctx }).person.findUnique({ where: { id: actor.id }, select: { subject: true } })
  const written = await waitingVersionsBy(reader({ actor, ...ctx }), actor.id)
  const own = { in: [...actor.teamIds] }
  const reads = (excluded: string): Prisma.HeldCallWhereInput => ({
    class: 'read',
    NOT: { excludedDeciders: { has: excluded } },
  })
  return {
    AND: [
      { deciderRoles: { hasSome: [...actor.roles] } },
      can(actor, 'agents:any_team') ? {} : { agent: { ownerTeamId: own } },
      { OR: [{ agent: { ownerTeamId: { notIn: own.in } } }, { NOT: { excludedDeciders: { has: 'own_team' } } }] },
      { OR: [{ agent: { accountablePersonId: { not: actor.id } } }, reads('accountable')] },
      { OR: [{ startedById: null }, { startedById: { not: actor.id } }, reads('starter')] },
      { OR: [{ drivenById: null }, { drivenById: { not: actor.id } }, reads('starter')] },
      { OR: [{ drivenBySubject: null }, { drivenBySubject: { not: me?.subject ?? '' } }, reads('starter')] },
      { OR: [{ runId: null }, { runId: { notIn: runs.map(({ id }) => id) } }, reads('starter')] },
      written.length === 0 ? {} : { OR: [{ NOT: { OR: written } }, reads('starter')] },
    ],
  }
}
