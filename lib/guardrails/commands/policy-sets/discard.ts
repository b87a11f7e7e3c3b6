import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { decidePolicySetMove, stillTheText } from '../../rules/policy-set-life.ts'
import { type DiscardPolicySetInput, discardPolicySetInput, type PolicySetRefusal } from '../../schema/policy-sets.ts'
import { endOpenReplay } from '../policy-replays.ts'
import { lockPolicySet, policySetSubject } from './lock.ts'
import { refusedMove } from './refused.ts'

/**
 * Throws a draft away, for good: it leaves the lists, and a replay of it ends. Its number and text stay on record, and a new draft can be made of it. What was ever log-only or
 * enforced is kept. Once more changes nothing. Needs `policies:manage`; throws `not_found`.
 */
export async function discardPolicySet(
  ctx: Ctx,
  input: DiscardPolicySetInput,
): Promise<Result<{ changed: boolean }, PolicySetRefusal>> {
  authorize(ctx, 'policies:manage')
  const person = requirePerson(ctx)
  const { number, version } = discardPolicySetInput.parse(input)
  return await inTx(ctx, async (tx, ctx) => {
    const { set, around } = await lockPolicySet(tx, { number, now: ctx.now })
    if (set.state === 'discarded') return ok({ changed: false })
    const decision = decidePolicySetMove(set, 'discard', { ...around, person: person.id })
    if (!decision.ok) return refusedMove(tx, ctx, { number, action: 'discard', decision })
    const same = stillTheText(version, set.version)
    if (!same.ok) return refusedMove(tx, ctx, { number, action: 'discard', decision: same })
    const { note } = await tx.policySet.update({
      where: { number },
      data: { state: 'discarded', discardedAt: ctx.now, discardedByName: person.name },
      select: { note: true },
    })
    const running = await tx.policyReplay.findFirst({
      where: { setNumber: number, state: { in: ['queued', 'running'] } },
    })
    // It may have ended by itself since; then there is nothing left to end.
    if (running) await endOpenReplay(tx, ctx, running.id)
    recordAudit(tx, ctx, {
      event: 'policy_set.discarded',
      subject: policySetSubject(number),
      detail: { number, version: set.version, note },
    })
    return ok({ changed: true })
  })
}
