import { authorize, type Ctx, inTx, requirePerson } from '../ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { endPerson, letBackIn } from '../people.ts'
import type { PersonMoveInput, PersonRefusal } from '../schema.ts'

/** In one turn: the rest is found by the next. */
const batchSize = 100
const dayMs = 86_400_000

/**
 * Somebody has left: they are signed out everywhere, their tokens and apps end, and they may not sign in. Their agents count as orphaned
 * from this moment. Needs `people:manage`; refused for oneself and for who has left already; throws `not_found`.
 */
export async function deactivatePerson(ctx: Ctx, input: PersonMoveInput): Promise<Result<null, PersonRefusal>> {
  authorize(ctx, 'people:manage')
  const { id } = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const person = await lockPerson(tx, input.personId)
    if (person.id === id) {
      return err({ rule: 'people:oneself', message: 'You cannot deactivate yourself: another platform admin does it.' })
    }
    if (!person.active) return err({ rule: 'people:inactive', message: `${person.name} is deactivated already.` })
    await endPerson(ctx, { person, because: 'admin', reason: input.reason })
    return ok(null)
  })
}

/** Somebody is back and may sign in again; what they had issued stays ended. Needs `people:manage`; throws `not_found`. */
export async function reactivatePerson(ctx: Ctx, input: PersonMoveInput): Promise<Result<null, PersonRefusal>> {
  authorize(ctx, 'people:manage')
  return await inTx(ctx, async (tx, ctx) => {
    const person = await lockPerson(tx, input.personId)
    if (person.active) return err({ rule: 'people:active', message: `${person.name} can sign in already.` })
    await letBackIn(ctx, { person, reason: input.reason })
    return ok(null)
  })
}

/**
 * Deactivates people of the identity provider whose groups it has not told for so many days: who has left the organization never comes to
 * a sign-in that could say so, and a token would outlive them. A sign-in with a role lets them back in. For our own jobs; 0 days: never.
 */
export async function deactivateUnseen(ctx: Ctx, { days }: { days: number }): Promise<{ deactivated: number }> {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
  if (days === 0) return { deactivated: 0 }
  const before = new Date(ctx.now.getTime() - days * dayMs)
  const unseen = await ctx.db.person.findMany({
    where: { active: true, source: 'oidc', groupsSeenAt: { lte: before } },
    select: { id: true },
    orderBy: { id: 'asc' },
    take: batchSize,
  })
  let deactivated = 0
  for (const { id } of unseen) {
    deactivated += await inTx(ctx, async (tx, ctx) => {
      const person = await lockPerson(tx, id)
      // They have come meanwhile, or another worker was first.
      if (!person.active || person.groupsSeenAt === null || person.groupsSeenAt > before) return 0
      const reason = `The identity provider has not told their groups for ${days} days.`
      await endPerson(ctx, { person, because: 'unseen', reason })
      return 1
    })
  }
  return { deactivated }
}

async function lockPerson(tx: Tx, id: string) {
  await tx.$queryRaw`select 1 from "Person" where "id" = ${id}::uuid for no key update`
  const person = await tx.person.findUnique({
    where: { id },
    select: { id: true, name: true, active: true, deactivatedBecause: true, groupsSeenAt: true },
  })
  if (!person) throw new DomainError('not_found', 'There is no such person.')
  return person
}
