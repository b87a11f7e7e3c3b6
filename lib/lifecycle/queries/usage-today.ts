import type { Ctx } from '#lib/auth/ctx.ts'
import { usageOfAgents } from '#lib/scopes/queries.ts'
import type { GrantUsage } from '#lib/scopes/schema/usage.ts'

const dayMs = 86_400_000

/** What grants of these agents are needed for by now: by the calls that a campaign was started on and all since, and by what else is held now. By grant; callers authorize. */
export async function usageToday(
  ctx: Ctx,
  { agentIds, campaign }: { agentIds: readonly string[]; campaign: { startedAt: Date; days: number } },
): Promise<Map<string, GrantUsage>> {
  if (agentIds.length === 0) return new Map()
  const days = campaign.days + (ctx.now.getTime() - campaign.startedAt.getTime()) / dayMs
  const usage = await usageOfAgents(ctx, { agentIds, days })
  return new Map([...usage.values()].flat().map((row) => [row.grantId, row]))
}
