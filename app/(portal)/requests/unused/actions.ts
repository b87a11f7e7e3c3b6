'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { narrowGrant, revokeGrant } from '#lib/scopes/commands.ts'
import { revokeGrantInput } from '#lib/scopes/schema.ts'
import { narrowGrantInput } from '#lib/scopes/schema/usage.ts'
import { portalAction } from '#lib/web/action.ts'

export const revokeUnused = portalAction(revokeGrantInput, async (ctx, input) => {
  const outcome = await revokeGrant(ctx, input)
  revalidatePath(paths.unusedGrants())
  return outcome
})

export const narrowProposed = portalAction(narrowGrantInput, async (ctx, input) => {
  const outcome = await narrowGrant(ctx, input)
  revalidatePath(paths.unusedGrants())
  return outcome
})
