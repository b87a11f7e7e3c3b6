import { createAccessToken } from '#lib/auth/commands/tokens.ts'
import { takeFromRateLimit } from '#lib/auth/commands/rate-limit.ts'
import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { listAccessTokens } from '#lib/auth/queries.ts'
import type { CreateAccessTokenInput } from '#lib/auth/schema.ts'
import type { TokenView } from './answers/account.ts'

/** One's own tokens, with times as JSON has them. Needs `tokens:own`. */
export async function listTokens(ctx: Ctx): Promise<TokenView[]> {
  const tokens = await listAccessTokens(ctx)
  return tokens.map((token) => ({
    ...token,
    createdAt: token.createdAt.toISOString(),
    expiresAt: token.expiresAt.toISOString(),
    lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
  }))
}

/** Makes a token, at most twenty an hour for one person, counted with those made in the portal. Needs `tokens:own`; throws `rate_limited`. */
export async function createLimitedToken(
  ctx: Ctx,
  input: CreateAccessTokenInput,
): Promise<{ tokenId: string; token: string; expiresAt: string }> {
  authorize(ctx, 'tokens:own')
  await takeFromRateLimit(ctx.db, {
    key: `new-token:${ctx.actor.id}`,
    limit: 20,
    windowMs: 60 * 60_000,
    now: ctx.now,
  })
  const { expiresAt, ...made } = await createAccessToken(ctx, input)
  return { ...made, expiresAt: expiresAt.toISOString() }
}
