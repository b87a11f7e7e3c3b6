import { type Ctx, reader } from '#lib/auth/ctx.ts'
import type { ArgumentProfile } from '#lib/registry/schema/argument-profile.ts'
import type { ToolEvidence } from '../rules/condition-proposals.ts'

const dayMs = 86_400_000

/**
 * What is known of the arguments of what these agents called, by agent, server and tool: of the weeks in which one of the days that are looked at lies, and of those before. Callers
 * authorize.
 */
export async function argumentsKnown(
  ctx: Ctx,
  { agentIds, days }: { agentIds: readonly string[]; days: number },
): Promise<Map<string, ToolEvidence>> {
  const monday = mondayOf(new Date(ctx.now.getTime() - days * dayMs))
  const rows = await reader(ctx).argumentProfile.findMany({ where: { agentId: { in: [...agentIds] } } })
  const known = new Map<string, { window: Profile[]; before: Profile[] }>()
  for (const { paths, ...row } of rows) {
    const key = keyOf(row)
    const evidence = known.get(key) ?? { window: [], before: [] }
    known.set(key, evidence)
    // Written by the worker only (lib/metrics).
    const profile = { ...row, paths: paths as ArgumentProfile['paths'] }
    evidence[row.week < monday ? 'before' : 'window'].push(profile)
  }
  return known
}

type Profile = ToolEvidence['window'][number]

export function keyOf({ agentId, serverId, tool }: { agentId: string; serverId: string; tool: string }): string {
  return JSON.stringify([agentId, serverId, tool])
}

/** The Monday on or before a day, in UTC. */
function mondayOf(day: Date): Date {
  const at = Math.floor(day.getTime() / dayMs)
  // The epoch was a Thursday.
  return new Date((at - ((at + 3) % 7)) * dayMs)
}
