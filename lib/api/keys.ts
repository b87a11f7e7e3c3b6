import { rotateSigningKey } from '#lib/auth/commands/signing-keys.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { listSigningKeys } from '#lib/auth/queries.ts'
import type { KeyView } from './answers/account.ts'

/** The keys of agent tokens, with times as JSON has them. */
export async function listKeys(ctx: Ctx): Promise<KeyView[]> {
  const keys = await listSigningKeys(ctx)
  return keys.map((key) => ({
    ...key,
    createdAt: key.createdAt.toISOString(),
    retiredAt: key.retiredAt?.toISOString() ?? null,
    lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
  }))
}

export async function rotateKey(ctx: Ctx, input: Parameters<typeof rotateSigningKey>[1]) {
  const { kid, signsFrom, withdrawn } = await rotateSigningKey(ctx, input)
  return { kid, signsFrom: signsFrom.toISOString(), withdrawn }
}
