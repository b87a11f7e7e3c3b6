import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { CoveredTasks } from './schema.ts'

/** How many tasks are named that are not proven over. */
const namedMax = 10

type Row = {
  id: string
  over: number
  open: number
  named: { agentId: string; serverId: string; tool: string }[] | null
}

/**
 * By order, the tasks in the background of MCP servers that it covers: those that brokers have cancelled because of a stop, and, as long as it is in force, those of which no server
 * has said that they are over.
 */
export async function coveredTasks(db: Tx, orderIds: readonly string[], now: Date): Promise<Map<string, CoveredTasks>> {
  const rows = await db.$queryRaw<Row[]>`
    select o."id", count(*) filter (where t."overAt" is not null)::int as "over",
      count(*) filter (where t."overAt" is null)::int as "open",
      (array_agg(jsonb_build_object('agentId', t."agentId", 'serverId', t."serverId", 'tool', t."tool"))
        filter (where t."overAt" is null))[1:${namedMax}] as "named"
    from "StopOrder" o join "BrokeredTask" t on t."agentId" is not null and (
      (t."cancelRule" = 'killed' and t."cancelledAt" between o."orderedAt" and coalesce(o."releasedAt", 'infinity'))
      or (o."releasedAt" is null and t."overAt" is null and t."expiresAt" > ${now}))
    where o."id" in (${Prisma.join(orderIds.map((id) => Prisma.sql`${id}::uuid`))}) and case o."scope"::text
      when 'agent' then t."agentId" = o."targetId"
      when 'server' then t."serverId" = o."targetId"
      when 'tool' then t."serverId" || '/' || t."tool" = o."targetId"
      when 'team' then exists (select from "Agent" a where a."id" = t."agentId" and a."ownerTeamId" = o."targetId")
      else true end
    group by o."id"`
  return new Map(rows.map(({ id, over, open, named }) => [id, { over, open, named: named ?? [] }]))
}
