'use server'

import { revalidatePath } from 'next/cache'
import { z } from 'zod'
import { ok, type Result } from '#lib/core/result.ts'
import { paths } from '#lib/core/paths.ts'
import {
  discardPolicySet,
  draftPolicySet,
  endLogOnly,
  enforcePolicySet,
  rollBackPolicySet,
  confirmTrialTerms,
  setTrialTerms,
  startLogOnly,
  withdrawTrialTerms,
} from '#lib/guardrails/commands.ts'
import { checkPolicyText } from '#lib/guardrails/queries.ts'
import {
  checkPoliciesInput,
  discardPolicySetInput,
  draftPolicySetInput,
  enforcePolicySetInput,
  policySetInput,
  rollBackPolicySetInput,
} from '#lib/guardrails/schema/policy-sets.ts'
import { setTrialTermsInput } from '#lib/guardrails/schema/policy-trial.ts'
import { portalAction } from '#lib/web/action.ts'

export const checkText = portalAction(checkPoliciesInput, (ctx, input) => checkPolicyText(ctx, input))

export const saveDraft = portalAction(draftPolicySetInput, async (ctx, input) =>
  shown(await draftPolicySet(ctx, input)),
)

export const makeLogOnly = portalAction(policySetInput, async (ctx, input) => shown(await startLogOnly(ctx, input)))

export const stopLogOnly = portalAction(policySetInput, async (ctx, input) => shown(await endLogOnly(ctx, input)))

export const enforce = portalAction(enforcePolicySetInput, async (ctx, input) =>
  shown(await enforcePolicySet(ctx, input)),
)

export const rollBack = portalAction(rollBackPolicySetInput, async (ctx, input) =>
  shown(await rollBackPolicySet(ctx, input)),
)

export const discard = portalAction(discardPolicySetInput, async (ctx, input) =>
  shown(await discardPolicySet(ctx, input)),
)

export const setTerms = portalAction(setTrialTermsInput, async (ctx, input) =>
  shown(ok(await setTrialTerms(ctx, input))),
)

export const confirmTerms = portalAction(setTrialTermsInput, async (ctx, input) =>
  shown(await confirmTrialTerms(ctx, input)),
)

export const withdrawTerms = portalAction(z.strictObject({}), async (ctx) => shown(await withdrawTrialTerms(ctx)))

// What is in use is on every page.
function shown<T, E>(outcome: Result<T, E>): Result<T, E> {
  revalidatePath(paths.guardrails(), 'layout')
  return outcome
}
