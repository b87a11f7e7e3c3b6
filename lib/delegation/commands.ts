import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, can, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { decideDelegation } from './rules.ts'
import type { CreateDelegationInput, DelegationRefusal, RevokeDelegationInput } from './schema.ts'

/**
 * Names who is asked in one's place for a time; it ends by itself. Needs `delegations:own`; throws `not_found` for an unknown person. Refused, and recorded as refused, to somebody who could not decide the same,
 * and where it would make a chain.
 */
export async function createDelegation(
  ctx: Ctx,
  input: CreateDelegationInput,
): Promise<Result<{ delegationId: string }, DelegationRefusal>> {
  authorize(ctx, 'delegations:own')
  const person = requirePerson(ctx)
  const startsAt = input.startsAt === undefined ? ctx.now : new Date(input.startsAt)
  const endsAt = new Date(input.endsAt)
  return await inTx(ctx, async (tx, ctx) => {
    // One at a time: two that would make a chain together each look as if alone.
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtext('delegations'))`
    const found = await tx.person.findUnique({
      where: { id: input.delegateId },
      select: {
        id: true,
        name: true,
        active: true,
        roles: { select: { role: true } },
        memberships: { select: { teamId: true } },
      },
    })
    if (!found) throw new DomainError('not_found', 'There is no such person.')
    const delegate = {
      ...found,
      roles: found.roles.map(({ role }) => role),
      teamIds: found.memberships.map(({ teamId }) => teamId),
    }
    const known = await tx.delegation.findMany({ where: { revokedAt: null, endsAt: { gt: ctx.now } } })
    const wanted = { person: { ...person, active: true }, delegate, startsAt, endsAt }
    const decision = decideDelegation(wanted, { known, now: ctx.now })
    const subject = { kind: 'person', id: person.id, name: person.name }
    if (!decision.ok) {
      const { rule, message } = decision.error
      const detail = { delegateId: delegate.id, reason: rule, message }
      recordAudit(tx, ctx, { event: 'delegation.refused', subject, rule, detail })
      return decision
    }
    const { id: delegationId } = await tx.delegation.create({
      data: {
        personId: person.id,
        delegateId: delegate.id,
        startsAt,
        endsAt,
        reason: input.reason,
        createdAt: ctx.now,
      },
      select: { id: true },
    })
    const detail = {
      delegationId,
      personId: person.id,
      delegateId: delegate.id,
      delegateName: delegate.name,
      startsAt: startsAt.toISOString(),
      endsAt: endsAt.toISOString(),
      reason: input.reason,
    }
    recordAudit(tx, ctx, { event: 'delegation.created', subject, detail })
    return ok({ delegationId })
  })
}

/**
 * Ends a delegation at once: by who is away, who stands in, or with `people:manage` anybody’s. Needs `delegations:own`; throws `not_found`, also for one that is none of one’s business; one that has ended stays as it
 * ended.
 */
export async function revokeDelegation(ctx: Ctx, input: RevokeDelegationInput): Promise<{ revoked: boolean }> {
  authorize(ctx, 'delegations:own')
  const actor = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const found = await tx.delegation.findUnique({
      where: { id: input.delegationId },
      include: { person: { select: { id: true, name: true } } },
    })
    const mine = found && [found.personId, found.delegateId].includes(actor.id)
    if (!found || (!mine && !can(actor, 'people:manage'))) {
      throw new DomainError('not_found', 'There is no such delegation.')
    }
    const { count } = await tx.delegation.updateMany({
      where: { id: found.id, revokedAt: null, endsAt: { gt: ctx.now } },
      data: { revokedAt: ctx.now, revokedById: actor.id },
    })
    if (count === 0) return { revoked: false }
    const { id: delegationId, personId, delegateId } = found
    const detail = { delegationId, personId, delegateId }
    recordAudit(tx, ctx, { event: 'delegation.revoked', subject: { kind: 'person', ...found.person }, detail })
    return { revoked: true }
  })
}
