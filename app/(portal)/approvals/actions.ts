'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import {
  createHoldRule,
  decideHeldCall,
  endHoldBypass,
  openHoldBypass,
  removeHoldRule,
  withdrawHoldRuleEnd,
} from '#lib/guardrails/commands.ts'
import {
  createHoldRuleInput,
  decideHeldCallInput,
  removeHoldRuleInput,
  withdrawHoldRuleEndInput,
} from '#lib/guardrails/schema/held-calls.ts'
import { endHoldBypassInput, openHoldBypassInput } from '#lib/guardrails/schema/hold-bypasses.ts'
import { portalAction } from '#lib/web/action.ts'

export const decide = portalAction(decideHeldCallInput, async (ctx, input) => {
  const outcome = await decideHeldCall(ctx, input)
  // Also after a refusal: somebody else may have decided, and the page then shows it.
  revalidatePath(paths.approvals(), 'layout')
  return outcome
})

export const createRule = portalAction(createHoldRuleInput, async (ctx, input) => {
  const outcome = await createHoldRule(ctx, input)
  revalidatePath(paths.approvals(), 'layout')
  return outcome
})

export const removeRule = portalAction(removeHoldRuleInput, async (ctx, input) => {
  const outcome = await removeHoldRule(ctx, input)
  revalidatePath(paths.approvals(), 'layout')
  return outcome
})

export const withdrawRemoval = portalAction(withdrawHoldRuleEndInput, async (ctx, input) => {
  const outcome = await withdrawHoldRuleEnd(ctx, input)
  revalidatePath(paths.approvals(), 'layout')
  return outcome
})

export const openBypass = portalAction(openHoldBypassInput, async (ctx, input) => {
  const outcome = await openHoldBypass(ctx, input)
  // Every page has its banner.
  revalidatePath('/', 'layout')
  return outcome
})

export const endBypass = portalAction(endHoldBypassInput, async (ctx, input) => {
  const outcome = await endHoldBypass(ctx, input)
  revalidatePath('/', 'layout')
  return outcome
})
