'use server'

import { revalidatePath } from 'next/cache'
import { rotateSigningKey } from '#lib/auth/commands/signing-keys.ts'
import { rotateSigningKeyInput } from '#lib/auth/schema.ts'
import { ok } from '#lib/core/result.ts'
import { paths } from '#lib/core/paths.ts'
import { portalAction } from '#lib/web/action.ts'
import { tokenIssuer } from '#lib/web/token-issuer.ts'

export const rotateKey = portalAction(rotateSigningKeyInput, async (ctx, input) => {
  const { kid } = await rotateSigningKey(ctx, { ...input, secretBox: tokenIssuer().secretBox })
  revalidatePath(paths.signingKeys())
  return ok({ kid })
})
