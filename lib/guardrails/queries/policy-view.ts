import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { asTheyWere } from '#lib/registry/queries/past.ts'
import type { PolicySet } from '../rules/policy-set.ts'
import type { PolicyView, ServerFacts } from '../rules/facts.ts'
import {
  agentFactsOf,
  agentsSql,
  type FactsSql,
  holdRulesSql,
  serverFactsSql,
  stopsSql,
  toolFactsOf,
} from './facts-sql.ts'

/**
 * What is decided from, of one agent and one server: from the same statements that brokers read all of it with. `past`: as it was at that instant, as far as the
 * records go; null: now. Runs and revoked tokens are not in it: nobody holds a token here. Callers authorize.
 */
export async function loadPolicyView(ctx: Ctx, of: Of, policies: PolicySet): Promise<PolicyView> {
  return { ...(await loadRegistryFacts(ctx, of)), policies }
}

type Of = { agentId: string; serverId: string; past: Date | null }

/** The same without the central policies: what the registry and its rules say. Callers authorize. */
export async function loadRegistryFacts(
  ctx: Ctx,
  { agentId, serverId, past }: Of,
): Promise<Omit<PolicyView, 'policies'>> {
  // Not kept of what was, for it never changes.
  const isDemo = past !== null && (await reader(ctx).mcpServer.count({ where: { id: serverId, demo: true } })) > 0
  const [agents, servers, [open], holdRules] = await Promise.all([
    ask(ctx, agentsSql, [agentId], past && agentThen(agentId, past)),
    ask(ctx, serverFactsSql, [serverId], past && serverThen(serverId, past)),
    ask(ctx, stopsSql, undefined, past && asTheyWere(past, ['StopOrder'])),
    ask(ctx, holdRulesSql, undefined, past && holdRulesThen(agentId, past)),
  ])
  return {
    agents: new Map(agents.map((row) => [row.id, agentFactsOf(row)])),
    servers: new Map(
      servers.map(({ tools, ...server }): [string, ServerFacts] => [
        server.id,
        { ...server, demo: server.demo ?? isDemo, tools: toolFactsOf(server.id, tools) },
      ]),
    ),
    runs: new Map(),
    stops: open?.stops ?? [],
    holdRules,
  }
}

/** Runs a statement of a broker here, on the tables as they are or as they were. */
async function ask<Row>(ctx: Ctx, { text }: FactsSql<Row>, keys: string[] | undefined, then: Prisma.Sql | null) {
  const parts = text.split('$1')
  const statement = Prisma.sql(parts, ...parts.slice(1).map(() => keys))
  return await reader(ctx).$queryRaw<Row[]>(then ? Prisma.sql`${then}${statement}` : statement)
}

function agentThen(agentId: string, at: Date): Prisma.Sql {
  const tables = asTheyWere(at, [thisAgent(agentId), { table: 'Grant', where: Prisma.sql`e."parent" = ${agentId}` }])
  // Which agents had spent their budget is told by what was recorded when they had.
  return Prisma.sql`${tables}, "OverBudget" as (
    select last."agentId", last."detail"->>'month' as "month", (last."detail"->>'spentMicros')::bigint as "spentMicros",
      (last."detail"->>'budgetMicros')::bigint as "budgetMicros"
    from (select e."agentId", e."event", e."detail" from "AuditEvent" e
      where e."agentId" = ${agentId} and e."event" in ('agent.over_budget', 'agent.within_budget') and e."at" <= ${at}
      order by e."seq" desc limit 1) last
    where last."event" = 'agent.over_budget') `
}

function thisAgent(agentId: string) {
  return { table: 'Agent', where: Prisma.sql`e."key" = ${agentId}` } as const
}

function serverThen(serverId: string, at: Date): Prisma.Sql {
  return asTheyWere(at, [
    { table: 'McpServer', where: Prisma.sql`e."key" = ${serverId}` },
    { table: 'McpTool', where: Prisma.sql`e."parent" = ${serverId}` },
  ])
}

/**
 * A rule is never changed: it is made, takes the place of the one that it replaces when that one ends, and is removed. A bypass is opened and ends; while it had not, its opener might
 * open one, for else it would have ended. It was not for agents of its opener of then, nor for what was written down: of memberships of teams there is no history, so those that its
 * opener had when it was opened count, and an agent that was given away while it was open counts as theirs also before.
 */
function holdRulesThen(agentId: string, at: Date): Prisma.Sql {
  return Prisma.sql`${asTheyWere(at, [thisAgent(agentId)])}, "HoldRule" as (
    select "then".* from "HoldRule" r cross join lateral jsonb_populate_record(null::"HoldRule", to_jsonb(r) - 'removedAt' ||
      case when r."movedAt" > ${at} then jsonb_build_object('position', r."positionBefore") else '{}' end) "then"
    where r."createdAt" <= ${at} and (r."removedAt" is null or r."removedAt" > ${at})
  ), "HoldBypass" as (
    select "then".* from "HoldBypass" b cross join lateral jsonb_populate_record(null::"HoldBypass", to_jsonb(b) - 'endedAt') "then"
    where b."openedAt" <= ${at} and (b."endedAt" is null or b."endedAt" > ${at})
  ), "Person" as (
    select "then".* from "Person" p cross join lateral jsonb_populate_record(null::"Person", to_jsonb(p) || '{"active": true}') "then"
  ), "PersonRole" as (select distinct "openedById" as "personId", 'security' as "role" from "HoldBypass"),
  "TeamMember" as (select * from "TeamMember" where false) `
}
