import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { agentNotFound } from '#lib/registry/queries.ts'
import { toolsetChange } from '../rules/toolsets.ts'
import type { StaleToolset } from '../schema/toolsets.ts'

const sessionsMax = 100

/**
 * Open sessions of an agent that began with other tools than it has now, the newest first: what they go on listing at Claude, and what they may not list yet. Needs
 * `agents:read`; throws `not_found`.
 */
export async function staleToolsets(ctx: Ctx, agentId: string): Promise<StaleToolset[]> {
  authorize(ctx, 'agents:read')
  const db = reader(ctx)
  if (!(await db.agent.findUnique({ where: { id: agentId }, select: { id: true } }))) throw agentNotFound(agentId)
  const runs = await db.$queryRaw<OpenRun[]>`
    select r."id" as "runId", r."state"::text as "state", r."agentVersion", coalesce(r."startedAt", r."createdAt") as "beganAt",
      array(select s->>'name' from jsonb_array_elements(v."rendered"->'mcpServers') s) as "servers"
    from "Run" r join "AgentVersion" v on v."agentId" = r."agentId" and v."version" = r."agentVersion"
    where r."agentId" = ${agentId} and r."state" in ('queued', 'running', 'stopping')
    order by 4 desc limit ${sessionsMax}`
  if (runs.length === 0) return []
  const servers = { in: [...new Set(runs.flatMap((run) => run.servers))] }
  const [grants, tools] = await Promise.all([
    db.grant.findMany({
      where: { agentId, serverId: servers },
      select: { serverId: true, class: true, toolName: true, createdAt: true, revokedAt: true, expiresAt: true },
    }),
    db.mcpTool.findMany({
      where: { serverId: servers, state: 'approved' },
      select: { serverId: true, name: true, class: true },
      orderBy: [{ serverId: 'asc' }, { name: 'asc' }],
    }),
  ])
  return runs.flatMap(({ beganAt, servers: known, ...run }) => {
    const change = toolsetChange({ beganAt, servers: known }, { grants, tools, now: ctx.now })
    const same = change.lost.length === 0 && change.gained.length === 0
    return same ? [] : [{ ...run, beganAt: beganAt.toISOString(), ...change }]
  })
}

type OpenRun = Pick<StaleToolset, 'runId' | 'state' | 'agentVersion'> & { beganAt: Date; servers: string[] }
