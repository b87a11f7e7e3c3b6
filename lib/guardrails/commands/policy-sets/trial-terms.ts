import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { termsOf } from '../../queries/policy-evidence.ts'
import { decideTermsConfirmation, decideTermsWithdrawal, easesTrial } from '../../rules/policy-trial.ts'
import type { PolicySetRefusal } from '../../schema/policy-sets.ts'
import { type SetTrialTermsInput, setTrialTermsInput, type TrialTerms } from '../../schema/policy-trial.ts'
import { lockPolicySets } from './lock.ts'

const subject = { kind: 'policy_trial_terms', id: '1', name: 'What a policy set is tried by' }

/**
 * Sets how long log-only has to last, and how many calls it has to judge, before a set counts as tried. Less than now, and than the defaults, holds from when somebody else has
 * confirmed it (`waits`); what was proposed before falls. The same once more changes nothing. Needs `policies:manage`.
 */
export async function setTrialTerms(
  ctx: Ctx,
  input: SetTrialTermsInput,
): Promise<{ changed: boolean; waits: boolean }> {
  authorize(ctx, 'policies:manage')
  const person = requirePerson(ctx)
  const after = setTrialTermsInput.parse(input)
  return await inTx(ctx, async (tx, ctx) => {
    await lockPolicySets(tx)
    const before = await termsOf(tx)
    if (sameTerms(after, before)) return { changed: false, waits: false }
    if (!easesTrial(after, before)) {
      await write(tx, ctx, after)
      recordAudit(tx, ctx, { event: 'policy_trial_terms.changed', subject, detail: { before, after } })
      return { changed: true, waits: false }
    }
    const data = { ...after, proposedById: person.id, proposedByName: person.name, proposedAt: ctx.now }
    await tx.policyTrialProposal.upsert({ where: { id: 1 }, create: { id: 1, ...data }, update: data })
    recordAudit(tx, ctx, { event: 'policy_trial_terms.proposed', subject, detail: { before, after } })
    return { changed: false, waits: true }
  })
}

/**
 * Lets terms hold that somebody else has proposed. `input` are those that were read. Needs `policies:manage`. Refused, and recorded as refused, to who proposed them and to who wrote the text that is
 * log-only now, and when others are proposed, or none in the last seven days; of two at once one does.
 */
export async function confirmTrialTerms(ctx: Ctx, input: SetTrialTermsInput): Promise<Result<null, PolicySetRefusal>> {
  authorize(ctx, 'policies:manage')
  const person = requirePerson(ctx)
  const read = setTrialTermsInput.parse(input)
  return await inTx(ctx, async (tx, ctx) => {
    await lockPolicySets(tx)
    const proposed = await tx.policyTrialProposal.findUnique({ where: { id: 1 } })
    const tried = await tx.policySet.findFirst({ where: { state: 'log_only' }, select: { authorIds: true } })
    const decision = decideTermsConfirmation(proposed, {
      person: person.id,
      read,
      triedAuthorIds: tried?.authorIds ?? [],
      now: ctx.now,
    })
    if (!decision.ok) return refused(tx, ctx, 'confirm', decision)
    const before = await termsOf(tx)
    await write(tx, ctx, read)
    const detail = { before, after: read, proposedBy: decision.value.proposedByName }
    recordAudit(tx, ctx, { event: 'policy_trial_terms.confirmed', subject, detail })
    return ok(null)
  })
}

/** Takes back terms that one has proposed oneself. Needs `policies:manage`. Refused, and recorded as refused, to anybody else, and when none are proposed, or none in the last seven days. */
export async function withdrawTrialTerms(ctx: Ctx): Promise<Result<null, PolicySetRefusal>> {
  authorize(ctx, 'policies:manage')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    await lockPolicySets(tx)
    const proposed = await tx.policyTrialProposal.findUnique({ where: { id: 1 } })
    const decision = decideTermsWithdrawal(proposed, { person: person.id, now: ctx.now })
    if (!decision.ok) return refused(tx, ctx, 'withdraw', decision)
    await tx.policyTrialProposal.delete({ where: { id: 1 } })
    const { logOnlyMinutes, logOnlyCalls } = decision.value
    recordAudit(tx, ctx, { event: 'policy_trial_terms.withdrawn', subject, detail: { logOnlyMinutes, logOnlyCalls } })
    return ok(null)
  })
}

/** From now on these hold, and nothing is proposed any more: it was of other terms. */
async function write(tx: Tx, ctx: Ctx, terms: TrialTerms): Promise<void> {
  const data = { ...terms, changedByName: ctx.actor.name, changedAt: ctx.now }
  await tx.policyTrialTerms.upsert({ where: { id: 1 }, create: { id: 1, ...data }, update: data })
  await tx.policyTrialProposal.deleteMany({ where: { id: 1 } })
}

function sameTerms(a: TrialTerms, b: TrialTerms): boolean {
  return a.logOnlyMinutes === b.logOnlyMinutes && a.logOnlyCalls === b.logOnlyCalls
}

function refused(
  tx: Tx,
  ctx: Ctx,
  action: 'confirm' | 'withdraw',
  decision: { ok: false; error: PolicySetRefusal },
): { ok: false; error: PolicySetRefusal } {
  const { rule, message } = decision.error
  recordAudit(tx, ctx, {
    event: 'policy_trial_terms.refused',
    subject,
    decision: 'deny',
    rule,
    detail: { action, reason: message },
  })
  return decision
}
