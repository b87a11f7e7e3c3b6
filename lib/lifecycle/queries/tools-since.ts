import type { Ctx } from '#lib/auth/ctx.ts'
import { grantCallsSince } from '#lib/scopes/queries.ts'

/** Tools that were called under a grant since its campaign began. Callers authorize. */
export async function toolsSince(
  ctx: Ctx,
  item: { grantId: string; campaign: { startedAt: Date } },
): Promise<string[]> {
  const { grantId, campaign } = item
  const called = await grantCallsSince(ctx, [{ grantId, since: campaign.startedAt }])
  return (called.get(grantId) ?? []).map(({ tool }) => tool)
}
