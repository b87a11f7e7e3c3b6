import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { grantLimitsSql, inForceSql } from '#lib/registry/queries.ts'
import { classesCovering } from '#lib/registry/rules.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { type ArgumentCondition, type CallRate, limitTexts } from '#lib/registry/schema/conditions.ts'
import { wholeServerCovers } from '../rules/besides-tools.ts'
import { classOf } from '../rules/named-tools.ts'
import type { ScopeRequestRow, ScopeRequestView } from '../schema.ts'
import type { PeerUse } from '../schema/context.ts'

const shownMax = 10

/** Agents that run the same template and are not retired: how many hold at least this scope now, and how they use it. */
export async function peersOf(
  ctx: Ctx,
  row: ScopeRequestRow,
  { tools, since }: { tools: readonly { name: string; class: ToolClass }[]; since: string },
): Promise<{ peers: ScopeRequestView['peers']; use: { using: number; items: PeerUse[] } }> {
  const found = await reader(ctx).$queryRaw<PeerRow[]>(
    Prisma.sql`select mine."templateId", a."id", a."name", held.*, coalesce(used."calls", 0)::int as "calls", used."lastAt"
      from "Agent" self
      join "AgentVersion" mine on mine."agentId" = self."id" and mine."version" = self."currentVersion"
      join "AgentVersion" v on v."templateId" = mine."templateId" and v."agentId" <> self."id"
      join "Agent" a on a."id" = v."agentId" and a."currentVersion" = v."version" and a."status" <> 'retired'
      left join lateral (
        select true as "holds", ${grantLimitsSql}, g."expiresAt" from "Grant" g join "McpServer" s on s."id" = g."serverId"
        where g."agentId" = a."id" and g."serverId" = ${row.server.id} and ${inForceSql(ctx.now)}
          and ${holdsSql(ctx, { row, tools })}
        -- The freest of them is the one that counts.
        order by g."conditions" = '[]' desc, g."rateCalls" is null desc, g."expiresAt" desc nulls first limit 1
      ) held on true
      left join lateral (
        select sum(d."calls") as "calls", max(d."lastAt") filter (where d."calls" > 0) as "lastAt" from "AgentToolDay" d
        where d."agentId" = a."id" and d."day" >= ${since}::date and d."serverId" = ${row.server.id} and d."tool" = any(${tools.map(({ name }) => name)})
      ) used on held."holds"
      where self."id" = ${row.agent.id} order by coalesce(used."calls", 0) desc, a."id"`,
  )
  const holding = found.filter(({ holds }) => holds)
  const items = holding.map(({ id, name, conditions, rate, expiresAt, calls, lastAt }) => ({
    id,
    name,
    calls,
    lastUsedAt: lastAt?.toISOString() ?? null,
    limits: limitTexts({ conditions: conditions ?? [], rate }),
    expiresAt: expiresAt?.toISOString() ?? null,
  }))
  return {
    peers: {
      templateId: found[0]?.templateId ?? (await templateOf(ctx, row.agent.id)),
      total: found.length,
      holding: holding.length,
      examples: holding.slice(0, 5).map(({ id, name }) => ({ id, name })),
    },
    use: { using: items.filter(({ calls }) => calls > 0).length, items: items.slice(0, shownMax) },
  }
}

/** Of a class one grant of it, or of what is named every tool by some grant that has the class it needs. `g`: a grant of agent `a` on the server. */
function holdsSql(
  ctx: Ctx,
  { row, tools }: { row: ScopeRequestRow; tools: readonly { name: string; class: ToolClass }[] },
): Prisma.Sql {
  const { toolNames } = row
  if (toolNames.length === 0) {
    return Prisma.sql`g."class" = any(${classesCovering(row.class)}::text[]::"ToolClass"[]) and g."toolName" is null`
  }
  const classes = toolNames.map((name) => classOf(name, { asked: row.class, tools }))
  const named = Prisma.sql`unnest(${toolNames}::text[], ${classes}::text[]::"ToolClass"[]) n("name", "class")`
  const whole = toolNames.filter(wholeServerCovers)
  const covers = Prisma.sql`g."class" >= n."class" and (g."toolName" = n."name" or g."toolName" is null and n."name" = any(${whole}))`
  return Prisma.sql`exists (select 1 from ${named} where ${covers}) and not exists (
    select 1 from ${named} where not exists (
      select 1 from "Grant" g join "McpServer" s on s."id" = g."serverId"
      where g."agentId" = a."id" and g."serverId" = ${row.server.id} and ${inForceSql(ctx.now)} and ${covers}))`
}

async function templateOf(ctx: Ctx, agentId: string): Promise<string> {
  const version = await reader(ctx).agentVersion.findFirst({
    where: { agentId },
    orderBy: { version: 'desc' },
    select: { templateId: true },
  })
  return version?.templateId ?? ''
}

type PeerRow = {
  templateId: string
  id: string
  name: string
  holds: true | null
  conditions: ArgumentCondition[] | null
  rate: CallRate | null
  expiresAt: Date | null
  calls: number
  lastAt: Date | null
}
