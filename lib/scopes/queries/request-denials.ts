import { type Ctx, reader } from '#lib/auth/ctx.ts'
import type { RequestContext } from '../schema/context.ts'

type Refused = { count: number; exact: number; rule: string; lastAt: Date | null }

/**
 * Calls that the broker refused, and those that Claude refused because the broker did not offer the tool: runs know these. On the server as a whole, and of exactly the tools
 * that are asked for, by rule.
 */
export async function denialsOf(
  ctx: Ctx,
  asked: { agentId: string; serverId: string; tools: readonly string[]; days: number },
): Promise<{ onServer: number; exact: RequestContext['denials'] }> {
  const { agentId, serverId, tools, days } = asked
  const since = new Date(ctx.now.getTime() - days * 86_400_000)
  const rows = await reader(ctx).$queryRaw<Refused[]>`
    with denied as (
      select "runId", "tool", "at", coalesce("rule", 'unknown') as "rule", coalesce(("detail"->>'count')::int, 1) as "calls" from "AuditEvent"
      where "agentId" = ${agentId} and "serverId" = ${serverId} and "event" = 'mcp.call_denied' and "at" > ${since}
    ), refused as (
      select "tool", "at", "rule", "calls" from denied
      union all
      select x."detail"->>'tool', x."createdAt", coalesce(x."detail"->>'rule', 'grant_missing'), 1 from "Escalation" x
      where x."agentId" = ${agentId} and x."kind" = 'refusal' and x."createdAt" > ${since}
        and x."detail"->>'serverId' = ${serverId}
        and not exists (select 1 from denied d where d."runId" = x."runId" and d."tool" = x."detail"->>'tool')
    )
    select "rule", sum("calls")::int as "count", coalesce(sum("calls") filter (where "tool" = any(${tools})), 0)::int as "exact",
      max("at") filter (where "tool" = any(${tools})) as "lastAt"
    from refused group by 1 order by 3 desc, 1`
  const exact = rows.filter((row) => row.exact > 0)
  const last = exact.map(({ lastAt }) => lastAt?.toISOString() ?? '').toSorted()
  return {
    onServer: rows.reduce((sum, { count }) => sum + count, 0),
    exact: {
      count: exact.reduce((sum, row) => sum + row.exact, 0),
      lastAt: last.at(-1) ?? null,
      rules: exact.map(({ rule, exact: count }) => ({ rule, count })),
    },
  }
}
