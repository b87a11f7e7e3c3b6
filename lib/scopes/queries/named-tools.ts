import type { Db, Tx } from '#lib/db/client.ts'
import type { ToolClass } from '#lib/registry/schema.ts'

export type NamedTool = { name: string; class: ToolClass }

/** Tools that are named, as the server has them. */
export async function namedTools(
  db: Db | Tx,
  { serverId, names }: { serverId: string; names: readonly string[] },
): Promise<NamedTool[]> {
  return await db.mcpTool.findMany({
    where: { serverId, name: { in: [...names] }, state: { not: 'removed' } },
    select: { name: true, class: true },
  })
}

/** Of each of these requests. */
export async function toolsNamedIn(
  db: Db | Tx,
  requests: readonly { serverId: string; toolNames: readonly string[] }[],
): Promise<(request: { serverId: string; toolNames: readonly string[] }) => NamedTool[]> {
  const rows = await db.mcpTool.findMany({
    where: {
      serverId: { in: [...new Set(requests.map(({ serverId }) => serverId))] },
      name: { in: [...new Set(requests.flatMap(({ toolNames }) => toolNames))] },
      state: { not: 'removed' },
    },
    select: { serverId: true, name: true, class: true },
  })
  return ({ serverId, toolNames }) => rows.filter((tool) => tool.serverId === serverId && toolNames.includes(tool.name))
}
