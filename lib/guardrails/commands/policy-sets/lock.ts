import type { Tx } from '#lib/db/client.ts'
import { surroundingsOf } from '../../queries/policy-evidence.ts'
import { policySetNotFound } from '../../rules/policy-set-errors.ts'
import type { PolicySetFacts, PolicySetSurroundings } from '../../rules/policy-set-life.ts'

/** Whoever changes a policy set takes turns until the end of the transaction: their numbers have no gap, and what is enforced follows one after the other. */
export async function lockPolicySets(tx: Tx): Promise<void> {
  await tx.$executeRaw`select pg_advisory_xact_lock(hashtext('policies:manage'))`
}

/** The set as it is now, and what else there is. Throws `not_found`. */
export async function lockPolicySet(
  tx: Tx,
  { number, now }: { number: number; now: Date },
): Promise<{ set: PolicySetFacts & { policies: string[] }; around: PolicySetSurroundings }> {
  await lockPolicySets(tx)
  const set = await tx.policySet.findUnique({
    where: { number },
    select: {
      number: true,
      state: true,
      version: true,
      authorIds: true,
      enforcedAt: true,
      policies: true,
      firstLogOnlyAt: true,
      logOnlyAt: true,
      logOnlyEndedAt: true,
    },
  })
  if (!set) throw policySetNotFound(number)
  return { set, around: await surroundingsOf(tx, set, now) }
}

/** How an audit row names a set. */
export function policySetSubject(number: number): { kind: string; id: string; name: string } {
  return { kind: 'policy_set', id: String(number), name: `Policy set ${number}` }
}
