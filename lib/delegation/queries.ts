import type { z } from 'zod'
import { type Actor, authorize, can, type Ctx, reader, requirePerson } from '#lib/auth/ctx.ts'
import { activePeople } from '#lib/auth/queries.ts'
import { DomainError } from '#lib/core/errors.ts'
import { revisionOf } from '#lib/core/revision.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { personNames } from '#lib/registry/queries.ts'
import { couldStandIn } from './rules.ts'
import { delegationListQuery, type DelegationView } from './schema.ts'

type Person = Extract<Actor, { kind: 'person' }>

/** Delegations of one's own and to oneself, the latest first; with `people:manage` everybody's. Needs `delegations:own`. */
export async function listDelegations(
  ctx: Ctx,
  input: z.input<typeof delegationListQuery> = {},
): Promise<DelegationView[]> {
  authorize(ctx, 'delegations:own')
  const { id } = requirePerson(ctx)
  const { state } = delegationListQuery.parse(input)
  return await readDelegations(ctx, {
    ...visibleTo(ctx.actor, id),
    ...(state === 'open' ? { revokedAt: null, endsAt: { gt: ctx.now } } : {}),
  })
}

/** One of these. Needs `delegations:own`; throws `not_found`, also for one that is none of one’s business. */
export async function getDelegation(ctx: Ctx, id: string): Promise<DelegationView> {
  authorize(ctx, 'delegations:own')
  const person = requirePerson(ctx)
  const [found] = await readDelegations(ctx, { id, ...visibleTo(ctx.actor, person.id) })
  if (!found) throw new DomainError('not_found', 'There is no such delegation.')
  return found
}

/** A delegation as a text that changes with it; null: there is none. With `lock` it is held until the transaction ends. */
export async function delegationRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "Delegation" where "id" = ${id}::uuid for update`
  const row = await tx.delegation.findUnique({ where: { id } })
  return row && revisionOf(row)
}

function visibleTo(actor: Actor, id: string): Prisma.DelegationWhereInput {
  return can(actor, 'people:manage') ? {} : { OR: [{ personId: id }, { delegateId: id }] }
}

async function readDelegations(ctx: Ctx, where: Prisma.DelegationWhereInput): Promise<DelegationView[]> {
  const rows = await reader(ctx).delegation.findMany({
    where,
    orderBy: [{ startsAt: 'desc' }, { id: 'desc' }],
    take: 500,
  })
  const people = await personNames(
    ctx,
    rows.flatMap((row) => [row.personId, row.delegateId]),
  )
  const named = (id: string) => people.get(id) ?? { id, name: 'unknown', active: false }
  return rows.map((row) => ({
    id: row.id,
    person: named(row.personId),
    delegate: named(row.delegateId),
    startsAt: row.startsAt.toISOString(),
    endsAt: row.endsAt.toISOString(),
    reason: row.reason,
    state: stateOf(row, ctx.now),
    createdAt: row.createdAt.toISOString(),
    revokedAt: row.revokedAt?.toISOString() ?? null,
  }))
}

function stateOf(row: { startsAt: Date; endsAt: Date; revokedAt: Date | null }, now: Date): DelegationView['state'] {
  if (row.revokedAt) return 'revoked'
  if (row.endsAt <= now) return 'ended'
  return row.startsAt > now ? 'to_come' : 'in_force'
}

/** Who could stand in for oneself: people who share a role that decides, by name. Needs `delegations:own`. */
export async function listPossibleDelegates(ctx: Ctx): Promise<{ id: string; name: string }[]> {
  authorize(ctx, 'delegations:own')
  const person = requirePerson(ctx)
  const people = await activePeople(ctx)
  return people
    .filter((each) => each.id !== person.id && couldStandIn(person, each))
    .map(({ id, name }) => ({ id, name }))
    .toSorted((a, b) => a.name.localeCompare(b.name))
}

/** Whom somebody stands in for at this moment, as actors with what they may do now; who has left is not among them. Callers authorize. */
export async function standsInFor(ctx: Ctx, delegateId: string): Promise<{ person: Person; until: Date }[]> {
  const rows = await reader(ctx).delegation.findMany({
    where: { delegateId, ...inForce(ctx.now) },
    orderBy: [{ endsAt: 'asc' }, { id: 'asc' }],
    select: { personId: true, endsAt: true },
  })
  if (rows.length === 0) return []
  const people = await activePeople(ctx, { ids: rows.map(({ personId }) => personId) })
  return rows.flatMap(({ personId, endsAt }) => {
    const person = people.find(({ id }) => id === personId)
    return person ? [{ person, until: endsAt }] : []
  })
}

/** Every delegation in force: who is away, who stands in, until when. For processes of our own. */
export async function delegationsInForce(ctx: Ctx): Promise<{ personId: string; delegateId: string; endsAt: Date }[]> {
  return await reader(ctx).delegation.findMany({
    where: inForce(ctx.now),
    select: { personId: true, delegateId: true, endsAt: true },
  })
}

function inForce(now: Date) {
  return { revokedAt: null, startsAt: { lte: now }, endsAt: { gt: now } }
}
