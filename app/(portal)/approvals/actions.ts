'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { createHoldRule, decideHeldCall, removeHoldRule } from '#lib/guardrails/commands.ts'
import { createHoldRuleInput, decideHeldCallInput, removeHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { portalAction } from '#lib/web/action.ts'

export const decide = portalAction(decideHeldCallInput, async (ctx, input) => {
  const outcome = await decideHeldCall(ctx, input)
  // Also after a refusal: somebody else may have decided, and the page then shows it.
  revalidatePath(paths.approvals())
  return outcome
})

export const createRule = portalAction(createHoldRuleInput, async (ctx, input) => {
  const outcome = await createHoldRule(ctx, input)
  revalidatePath(paths.approvals())
  return outcome
})

export const removeRule = portalAction(removeHoldRuleInput, async (ctx, input) => {
  const outcome = await removeHoldRule(ctx, input)
  revalidatePath(paths.approvals())
  return outcome
})
