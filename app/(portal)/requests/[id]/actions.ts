'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { decideScope } from '#lib/lifecycle/commands.ts'
import { reviseScopeRequest, withdrawScopeRequest } from '#lib/scopes/commands.ts'
import { decideScopeRequestInput, reviseScopeRequestInput, withdrawScopeRequestInput } from '#lib/scopes/schema.ts'
import { portalAction } from '#lib/web/action.ts'

export const decide = portalAction(decideScopeRequestInput, async (ctx, input) => {
  const outcome = await decideScope(ctx, input)
  // Also after a refusal: somebody else may have decided, and the page then shows it.
  revalidatePath(paths.request(input.requestId))
  return outcome
})

export const withdraw = portalAction(withdrawScopeRequestInput, async (ctx, input) => {
  const outcome = await withdrawScopeRequest(ctx, input)
  revalidatePath(paths.request(input.requestId))
  return outcome
})

export const revise = portalAction(reviseScopeRequestInput, async (ctx, input) => {
  const outcome = await reviseScopeRequest(ctx, input)
  revalidatePath(paths.request(input.requestId))
  return outcome
})
