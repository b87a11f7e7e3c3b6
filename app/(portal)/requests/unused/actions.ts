'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { revokeGrant } from '#lib/scopes/commands.ts'
import { revokeGrantInput } from '#lib/scopes/schema.ts'
import { portalAction } from '#lib/web/action.ts'

export const revokeUnused = portalAction(revokeGrantInput, async (ctx, input) => {
  const outcome = await revokeGrant(ctx, input)
  revalidatePath(paths.unusedGrants())
  return outcome
})
