import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { partsOf } from '../rules/named-tools.ts'
import { givesBack } from '../rules/taken-away.ts'

/** Whether a grant that gave part of this was revoked or narrowed, by whomever: then a person decides. Callers authorize, and hold the agent's lock when they act on it. */
export async function wasTakenAway(
  ctx: Ctx,
  wanted: { agentId: string; serverId: string; toolNames: readonly string[] },
): Promise<boolean> {
  const { agentId, serverId } = wanted
  const ended = await reader(ctx).grant.findMany({
    where: { agentId, serverId, revokedAt: { not: null } },
    select: { toolName: true },
    distinct: ['toolName'],
  })
  return partsOf(wanted.toolNames).some((toolName) => ended.some((grant) => givesBack({ toolName }, grant)))
}
