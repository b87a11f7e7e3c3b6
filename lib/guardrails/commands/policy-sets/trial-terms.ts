import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { trialTerms } from '../../queries/policy-evidence.ts'
import { type SetTrialTermsInput, setTrialTermsInput } from '../../schema/policy-trial.ts'
import { lockPolicySets } from './lock.ts'

/** Sets how long log-only has to last, and how many calls it has to judge, before a set counts as tried. The same once more changes nothing. Needs `policies:manage`. */
export async function setTrialTerms(ctx: Ctx, input: SetTrialTermsInput): Promise<{ changed: boolean }> {
  authorize(ctx, 'policies:manage')
  const after = setTrialTermsInput.parse(input)
  return await inTx(ctx, async (tx, ctx) => {
    await lockPolicySets(tx)
    const { logOnlyMinutes, logOnlyCalls } = await trialTerms(ctx)
    if (after.logOnlyMinutes === logOnlyMinutes && after.logOnlyCalls === logOnlyCalls) return { changed: false }
    const data = { ...after, changedByName: ctx.actor.name, changedAt: ctx.now }
    await tx.policyTrialTerms.upsert({ where: { id: 1 }, create: { id: 1, ...data }, update: data })
    recordAudit(tx, ctx, {
      event: 'policy_trial_terms.changed',
      subject: { kind: 'policy_trial_terms', id: '1', name: 'What a policy set is tried by' },
      detail: { before: { logOnlyMinutes, logOnlyCalls }, after },
    })
    return { changed: true }
  })
}
