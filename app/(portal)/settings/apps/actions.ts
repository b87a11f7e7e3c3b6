'use server'

import { revalidatePath } from 'next/cache'
import { endAppConnection } from '#lib/auth/commands/app-tokens.ts'
import { endConnectionInput } from '#lib/auth/schema.ts'
import { paths } from '#lib/core/paths.ts'
import { portalAction } from '#lib/web/action.ts'

export const endConnection = portalAction(endConnectionInput, async (ctx, input) => {
  await endAppConnection(ctx, input)
  revalidatePath(paths.apps())
})
