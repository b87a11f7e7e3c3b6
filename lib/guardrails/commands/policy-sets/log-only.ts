import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { decidePolicySetMove, stillTheText } from '../../rules/policy-set-life.ts'
import type { PolicySetInput, PolicySetRefusal } from '../../schema/policy-sets.ts'
import { expectUsable } from './expect-usable.ts'
import { lockPolicySet, policySetSubject } from './lock.ts'
import { refusedMove } from './refused.ts'

/**
 * Lets brokers judge a draft beside the enforced set from within a second: what it would have decided otherwise is in the record of each call, and nothing else changes. One
 * set at a time; once more changes nothing. Needs `policies:manage`; throws `not_found`, and `invalid` when this release cannot read it.
 */
export async function startLogOnly(
  ctx: Ctx,
  { number }: PolicySetInput,
): Promise<Result<{ changed: boolean }, PolicySetRefusal>> {
  authorize(ctx, 'policies:manage')
  const person = requirePerson(ctx)
  // Takes seconds for a large one, so not within the transaction.
  const tried = await ctx.db.policySet.findUnique({ where: { number } })
  if (tried?.state === 'draft') await expectUsable(tried.policies, number)
  return await inTx(ctx, async (tx, ctx) => {
    const { set, around } = await lockPolicySet(tx, { number, now: ctx.now })
    if (set.state === 'log_only') return ok({ changed: false })
    const decision = decidePolicySetMove(set, 'log_only', { ...around, person: person.id })
    if (!decision.ok) return refusedMove(tx, ctx, { number, action: 'log_only', decision })
    const same = stillTheText(tried?.version ?? null, set.version)
    if (!same.ok) return refusedMove(tx, ctx, { number, action: 'log_only', decision: same })
    await tx.policySet.update({
      where: { number },
      data: { state: 'log_only', logOnlyAt: ctx.now, logOnlyEndedAt: null },
    })
    recordAudit(tx, ctx, {
      event: 'policy_set.log_only_started',
      subject: policySetSubject(number),
      detail: { number, version: set.version, beside: around.enforced },
    })
    return ok({ changed: true })
  })
}

/** Makes it a draft again; what was recorded stays. Once more changes nothing. Needs `policies:manage`; throws `not_found`. */
export async function endLogOnly(
  ctx: Ctx,
  { number }: PolicySetInput,
): Promise<Result<{ changed: boolean }, PolicySetRefusal>> {
  authorize(ctx, 'policies:manage')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const { set, around } = await lockPolicySet(tx, { number, now: ctx.now })
    if (set.state === 'draft') return ok({ changed: false })
    const decision = decidePolicySetMove(set, 'end_log_only', { ...around, person: person.id })
    if (!decision.ok) return refusedMove(tx, ctx, { number, action: 'end_log_only', decision })
    await tx.policySet.update({ where: { number }, data: { state: 'draft', logOnlyEndedAt: ctx.now } })
    recordAudit(tx, ctx, {
      event: 'policy_set.log_only_ended',
      subject: policySetSubject(number),
      detail: { number, version: set.version },
    })
    return ok({ changed: true })
  })
}
