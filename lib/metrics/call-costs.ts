import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'

/** What calls cost of one agent, in one run or outside of runs, on one UTC day. */
export type CallCostSum = { agentId: string; runId: string | null; day: string; costMicros: bigint }

/** What a row `e` of the audit log says its call cost; null: its tool has no price. */
export const callCostExpression = Prisma.sql`(e."detail"->>'billedCostMicros')::bigint`

/**
 * What calls cost, by agent, that were recorded since `from` and are not added up yet: what is decided by the money spent counts them too. With the sums in one
 * statement each call is in one of the two. Without a price there is nothing to look for, and the log is not read.
 */
export function uncountedCallCosts(from: Date): Prisma.Sql {
  return Prisma.sql`
    select e."agentId", sum(${callCostExpression})::bigint as "costMicros" from "AuditEvent" e
    where e."event" = 'mcp.call_allowed' and e."seq" > (select c."seq" from "TrafficCursor" c where c."id" = 1)
      and e."at" >= ${from} and ${callCostExpression} > 0
      and (${somethingHasPrice} or ${priceChangedSince(new Date(from.getTime() - lastCallsMs))})
    group by 1`
}

/** So long after the end of a price calls may still end that were decided with it, held ones too. */
const lastCallsMs = 7 * 86_400_000

const somethingHasPrice = Prisma.sql`(exists (select 1 from "McpServer" s where s."listUnitPriceMicros" > 0)
  or exists (select 1 from "McpTool" t where t."listUnitPriceMicros" > 0))`

/** One that was there and is not any more is on record. */
function priceChangedSince(at: Date): Prisma.Sql {
  return Prisma.sql`exists (select 1 from "AuditEvent" p where p."event" = 'call_price.changed' and p."at" >= ${at})`
}

/** What the calls of a run have cost, whether they are added up or not. */
export async function callCostOfRun(tx: Tx, runId: string): Promise<bigint> {
  const [sum] = await tx.$queryRaw<{ micros: bigint }[]>`
    select coalesce(sum(${callCostExpression}), 0)::bigint as "micros" from "AuditEvent" e
    where e."runId" = ${runId}::uuid and e."event" = 'mcp.call_allowed'`
  return sum?.micros ?? 0n
}

/** Adds what calls cost to their runs and to the days of their agents; the caller adds up each call once. Runs come first, as with everybody who writes both. */
export async function addCallCosts(tx: Tx, sums: readonly CallCostSum[]): Promise<void> {
  if (sums.length === 0) return
  const rows = JSON.stringify(sums.map((sum) => ({ ...sum, costMicros: sum.costMicros.toString() })))
  const added = Prisma.sql`json_to_recordset(${rows}::json) as s("agentId" text, "runId" uuid, "day" date, "costMicros" bigint)`
  await tx.$executeRaw`
    insert into "RunCallCost" ("runId", "costMicros")
    select s."runId", sum(s."costMicros") from ${added} join "Run" r on r."id" = s."runId" group by 1 order by 1
    on conflict ("runId") do update set "costMicros" = "RunCallCost"."costMicros" + excluded."costMicros"`
  await tx.$executeRaw`
    insert into "AgentDay" ("agentId", "day", "costMicros", "callCostMicros")
    select s."agentId", s."day", sum(s."costMicros"), sum(s."costMicros") from ${added} join "Agent" a on a."id" = s."agentId"
    group by 1, 2 order by 1, 2
    on conflict ("agentId", "day") do update set "costMicros" = "AgentDay"."costMicros" + excluded."costMicros",
      "callCostMicros" = "AgentDay"."callCostMicros" + excluded."callCostMicros"`
}
