'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import {
  confirmApprovalRule,
  createApprovalRule,
  removeApprovalRule,
  withdrawApprovalRuleEnd,
} from '#lib/scopes/commands.ts'
import {
  confirmApprovalRuleInput,
  createApprovalRuleInput,
  removeApprovalRuleInput,
} from '#lib/scopes/schema/approval-policy.ts'
import { portalAction } from '#lib/web/action.ts'

export const addRule = portalAction(createApprovalRuleInput, async (ctx, input) => {
  const outcome = await createApprovalRule(ctx, input)
  revalidatePath(paths.approvalPolicy())
  return outcome
})

export const removeRule = portalAction(removeApprovalRuleInput, async (ctx, input) => {
  const outcome = await removeApprovalRule(ctx, input)
  revalidatePath(paths.approvalPolicy())
  return outcome
})

export const confirmRule = portalAction(confirmApprovalRuleInput, async (ctx, input) => {
  const outcome = await confirmApprovalRule(ctx, input)
  revalidatePath(paths.approvalPolicy())
  return outcome
})

export const withdrawRemoval = portalAction(confirmApprovalRuleInput, async (ctx, input) => {
  const outcome = await withdrawApprovalRuleEnd(ctx, input)
  revalidatePath(paths.approvalPolicy())
  return outcome
})
