import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import {
  decideEnforcing,
  decidePolicySetMove,
  type PolicySetFacts,
  type PolicySetSurroundings,
  stillInForce,
  stillTheText,
} from '../../rules/policy-set-life.ts'
import {
  type EnforcePolicySetInput,
  enforcePolicySetInput,
  type PolicySetRefusal,
  type RollBackPolicySetInput,
} from '../../schema/policy-sets.ts'
import { surroundingsOf } from '../../queries/policy-evidence.ts'
import { policySchema } from '../../queries/policy-source.ts'
import { keepAccessTable } from '../keep-access-table.ts'
import { expectUsable } from './expect-usable.ts'
import { lockPolicySet, policySetSubject } from './lock.ts'
import { refusedMove } from './refused.ts'

type Enforced = { number: number; superseded: number | null; changed: boolean }

/**
 * Puts a set in force; brokers follow within a second, in running sessions too, and what was approved under the one before is not released. Somebody else than who wrote
 * its text does it, after a replay that met calls or long enough in log-only, or with the reason why not. Of two at once one wins and the other is told. Needs `policies:manage`; throws
 * `not_found`, and `invalid` when this release cannot read it.
 */
export async function enforcePolicySet(
  ctx: Ctx,
  input: EnforcePolicySetInput,
): Promise<Result<Enforced, PolicySetRefusal>> {
  authorize(ctx, 'policies:manage')
  const person = requirePerson(ctx)
  const asked = enforcePolicySetInput.parse(input)
  const { number } = asked
  const prepared = await prepare(ctx, number, (set, around) =>
    decideEnforcing(set, asked, { ...around, person: person.id }),
  )
  return await inTx(ctx, async (tx, ctx) => {
    const { set, around } = await lockPolicySet(tx, { number, now: ctx.now })
    if (set.state === 'enforced' && set.version === asked.version)
      return ok({ number, superseded: null, changed: false })
    const decision = decideEnforcing(set, asked, { ...around, person: person.id })
    if (!decision.ok) return refusedMove(tx, ctx, { number, action: 'enforce', decision })
    const same = stillTheText(prepared, set.version)
    if (!same.ok) return refusedMove(tx, ctx, { number, action: 'enforce', decision: same })
    const { outcome } = around.trial
    const withoutReplay = outcome === 'tried' ? null : asked.withoutReplay
    const emptyReplay = outcome === 'no_calls' ? asked.emptyReplay : null
    await replace(tx, ctx, { number, by: person.name })
    await tx.policySet.update({
      where: { number },
      data: { withoutReplay, emptyReplay, ...(set.state === 'log_only' ? { logOnlyEndedAt: ctx.now } : {}) },
    })
    recordAudit(tx, ctx, {
      event: 'policy_set.enforced',
      subject: policySetSubject(number),
      detail: { number, version: set.version, superseded: around.enforced, withoutReplay, emptyReplay },
    })
    return ok({ number, superseded: around.enforced, changed: true })
  })
}

/**
 * Puts a set in force again that was before: one person is enough. Of two at once one wins and the other is told. Needs `policies:manage`; throws `not_found`, and `invalid`
 * when this release cannot read it.
 */
export async function rollBackPolicySet(
  ctx: Ctx,
  { number, replaces, reason }: RollBackPolicySetInput,
): Promise<Result<Enforced, PolicySetRefusal>> {
  authorize(ctx, 'policies:manage')
  const person = requirePerson(ctx)
  const prepared = await prepare(ctx, number, (set, around) => {
    return decidePolicySetMove(set, 'roll_back', { ...around, person: person.id })
  })
  return await inTx(ctx, async (tx, ctx) => {
    const { set, around } = await lockPolicySet(tx, { number, now: ctx.now })
    if (set.state === 'enforced' && set.enforcedAt !== null) return ok({ number, superseded: null, changed: false })
    const decision = decidePolicySetMove(set, 'roll_back', { ...around, person: person.id })
    if (!decision.ok) return refusedMove(tx, ctx, { number, action: 'roll_back', decision })
    const seen = stillInForce(replaces, around.enforced)
    if (!seen.ok) return refusedMove(tx, ctx, { number, action: 'roll_back', decision: seen })
    const same = stillTheText(prepared, set.version)
    if (!same.ok) return refusedMove(tx, ctx, { number, action: 'roll_back', decision: same })
    await replace(tx, ctx, { number, by: person.name })
    recordAudit(tx, ctx, {
      event: 'policy_set.rolled_back',
      subject: policySetSubject(number),
      detail: { number, version: set.version, superseded: around.enforced, reason },
    })
    return ok({ number, superseded: around.enforced, changed: true })
  })
}

/**
 * What takes seconds and so comes before the transaction, if that will not be refused anyway: the set is tried, and the catalog, which follows what is enforced, gets its table. Returns
 * the version that is ready: only that one is put in force.
 */
async function prepare(
  ctx: Ctx,
  number: number,
  decide: (set: PolicySetFacts, around: PolicySetSurroundings) => Result<null, PolicySetRefusal>,
): Promise<string> {
  const set = await ctx.db.policySet.findUnique({ where: { number } })
  if (!set || !decide(set, await surroundingsOf(ctx.db, set, ctx.now)).ok) return ''
  await expectUsable(set.policies, number)
  await keepAccessTable(ctx, { ...set, schema: policySchema })
  return set.version
}

async function replace(tx: Tx, ctx: Ctx, { number, by }: { number: number; by: string }): Promise<void> {
  await tx.policySet.updateMany({
    where: { state: 'enforced' },
    data: { state: 'superseded', supersededAt: ctx.now },
  })
  await tx.policySet.update({
    where: { number },
    data: { state: 'enforced', enforcedAt: ctx.now, enforcedByName: by, supersededAt: null },
  })
}
