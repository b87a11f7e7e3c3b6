import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { ruleIsAbout } from './insight/figures.ts'
import type { HoldForecast, HoldForecastQuery, HoldScope } from '../schema/hold-insight.ts'

const forecastDays = 7

/** What a rule would have held of the calls that were allowed in the last seven days (UTC, today's included), before it is made. Needs `runs:read`. */
export async function forecastHoldRule(ctx: Ctx, query: HoldForecastQuery): Promise<HoldForecast> {
  const { serverId = null, toolName = null, class: toolClass = null, environment = null } = query
  const [forecast] = await forecastHoldRules(ctx, [{ serverId, toolName, class: toolClass, environment }])
  return forecast!
}

/** The same of several, in their order: from the audit log as the worker has added it up by agent, tool and day, with each tool as it is classed now. */
export async function forecastHoldRules(ctx: Ctx, scopes: readonly HoldScope[]): Promise<HoldForecast[]> {
  authorize(ctx, 'runs:read')
  const from = new Date(ctx.now.getTime() - (forecastDays - 1) * 86_400_000).toISOString().slice(0, 10)
  const asked = scopes.map(({ serverId, toolName, class: toolClass, environment }, at) => ({
    at,
    serverId,
    toolName,
    class: toolClass,
    environment,
  }))
  const rows = await reader(ctx).$queryRaw<{ held: number; agents: number; calls: number }[]>`
    with called as materialized (
      select d."agentId", d."serverId", d."tool", sum(d."calls") as "calls" from "AgentToolDay" d
      where d."day" >= ${from}::date and d."calls" > 0 group by 1, 2, 3
    ), everything as (
      -- Methods of MCP are no tools; no rule holds them.
      select coalesce(sum(c."calls"), 0) as "calls" from called c join "McpTool" t on t."serverId" = c."serverId" and t."name" = c."tool"
    )
    select coalesce(sum(c."calls"), 0)::float8 as "held", count(distinct c."agentId")::int as "agents",
      (select "calls" from everything)::float8 as "calls"
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb)
      as r("at" integer, "serverId" text, "toolName" text, "class" "ToolClass", "environment" "Environment")
    left join (called c join "McpTool" t on t."serverId" = c."serverId" and t."name" = c."tool" join "McpServer" s on s."id" = t."serverId")
      on ${ruleIsAbout}
    group by r."at" order by r."at"`
  return rows.map((row) => ({ from, ...row }))
}
