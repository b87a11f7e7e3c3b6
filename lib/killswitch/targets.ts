import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { StopScope } from './schema.ts'
import { organizationTarget } from './schema/target.ts'

export type Target = { scope: StopScope; targetId: string }

/** The target's name; throws `not_found` for one that does not exist. A stop of something misspelt must not look like a stop. */
export async function existingTargetName(db: Tx, target: Target): Promise<string> {
  const names = await targetNames(db, [target])
  const name = names.get(keyOf(target))
  if (name === undefined) throw new DomainError('not_found', `There is no ${target.scope} ${target.targetId}.`)
  return name
}

/** Names by `keyOf`; a target that is gone is left out. */
export async function targetNames(db: Tx, targets: readonly Target[]): Promise<Map<string, string>> {
  const ids = (scope: StopScope) => targets.filter((target) => target.scope === scope).map((target) => target.targetId)
  const named = { select: { id: true, name: true } } as const
  const [teams, servers, agents, tools] = [ids('team'), ids('server'), ids('agent'), ids('tool').map(toolOf)]
  const names = new Map<string, string>()
  const add = (scope: StopScope, rows: { id: string; name: string }[]): void => {
    for (const row of rows) names.set(keyOf({ scope, targetId: row.id }), row.name)
  }
  add('organization', [{ id: organizationTarget, name: 'The whole organization' }])
  if (teams.length) add('team', await db.team.findMany({ where: { id: { in: teams } }, ...named }))
  if (servers.length) add('server', await db.mcpServer.findMany({ where: { id: { in: servers } }, ...named }))
  if (agents.length) add('agent', await db.agent.findMany({ where: { id: { in: agents } }, ...named }))
  if (tools.length) {
    const rows = await db.mcpTool.findMany({ where: { OR: tools }, select: { serverId: true, name: true } })
    add(
      'tool',
      rows.map((row) => ({ id: `${row.serverId}/${row.name}`, name: `${row.serverId}/${row.name}` })),
    )
  }
  return names
}

/** SQL over the alias `a` of "Agent": the agents a target reaches. For a server or tool those that hold a grant in force for it. */
export function reachesAgent(target: Target, now: Date): Prisma.Sql {
  const granted = Prisma.sql`select 1 from "Grant" g where g."agentId" = a."id" and g."revokedAt" is null
    and (g."expiresAt" is null or g."expiresAt" > ${now})`
  if (target.scope === 'organization') return Prisma.sql`true`
  if (target.scope === 'team') return Prisma.sql`a."ownerTeamId" = ${target.targetId}`
  if (target.scope === 'agent') return Prisma.sql`a."id" = ${target.targetId}`
  if (target.scope === 'server') return Prisma.sql`exists (${granted} and g."serverId" = ${target.targetId})`
  const { serverId, name } = toolOf(target.targetId)
  return Prisma.sql`exists (${granted} and g."serverId" = ${serverId} and (g."toolName" = ${name} or g."toolName" is null
    and g."class" >= (select t."class" from "McpTool" t where t."serverId" = ${serverId} and t."name" = ${name})))`
}

export function keyOf(target: Target): string {
  return `${target.scope} ${target.targetId}`
}

/** `server/tool`: a server id has no slash, a tool's name may. */
export function toolOf(targetId: string): { serverId: string; name: string } {
  const at = targetId.indexOf('/')
  return { serverId: targetId.slice(0, Math.max(at, 0)), name: targetId.slice(at + 1) }
}
