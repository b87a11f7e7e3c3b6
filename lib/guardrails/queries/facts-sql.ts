import { rolesWith } from '#lib/auth/permissions.ts'
import type { ArgumentCondition, CallRate } from '#lib/registry/schema/conditions.ts'
import type { AgentFacts, RunFacts, StopFacts, ToolFacts } from '../rules/facts.ts'
import { agentLimitNames } from '../schema/agent-limits.ts'
import type { HoldRuleFacts } from '../schema/held-calls.ts'

// The facts that calls are decided by, as SQL: a broker keeps them all in memory, a simulation asks for those of one agent and one server. `$1` is null for
// everything, or the keys that are asked for.

/** A statement and the shape of its rows; a broker prepares it under its name. */
export type FactsSql<Row> = { readonly name: string; readonly text: string; readonly row?: Row }

export type AgentRow = Omit<AgentFacts, 'grants'> & { grants: GrantRow[] }
export type GrantRow = {
  id: string
  serverId: string
  class: 'read' | 'write' | 'destructive'
  toolName: string | null
  via: string
  /** ISO 8601 */
  expiresAt: string | null
  conditions: ArgumentCondition[]
  rate: CallRate | null
}

/** With a credential a token comes, and with it whoever issued it is behind the calls: of those that count. */
const credentialIssuers = `(select coalesce(json_object_agg("clientId", "issuedById"), '{}') from "AgentCredential" where "agentId" = a."id" and "revokedAt" is null)`
/** Who wrote the version `v`. */
const writerIds = `array_remove(array[v."promptById", v."parametersById", v."templateById"]::text[], null)`
const agentLimitColumns = agentLimitNames.map((name) => `a."${name}"`).join(', ')

/** Grants that expired long ago are left out: then the refusal says `grant_missing`. */
export const agentsSql: FactsSql<AgentRow> = {
  name: 'broker_agents',
  text: `select a."id", a."name", a."ownerTeamId" as "teamId", a."tier"::text, a."status"::text, a."statusReason", a."currentVersion", a."callsPerSecond", ${agentLimitColumns}, v."templateId",
      coalesce(g."grants", '[]') as "grants", ${credentialIssuers} as "credentialIssuers", ${writerIds} as "writerIds",
      case when o."agentId" is not null then json_build_object('month', o."month", 'spentMicros', o."spentMicros"::text,
        'budgetMicros', o."budgetMicros"::text) end as "overBudget"
    from "Agent" a
    left join "AgentVersion" v on v."agentId" = a."id" and v."version" = a."currentVersion"
    left join "OverBudget" o on o."agentId" = a."id"
    left join lateral (
      select json_agg(json_build_object('id', "id", 'serverId', "serverId", 'class', "class", 'toolName', "toolName", 'via', "via",
          'expiresAt', "expiresAt", 'conditions', "conditions", 'rate', case when "rateCalls" is not null
            then json_build_object('calls', "rateCalls", 'per', "ratePer") end) order by "createdAt", "id") as "grants"
      from "Grant"
      where "agentId" = a."id" and "revokedAt" is null and ("expiresAt" is null or "expiresAt" > now() - interval '90 days')
    ) g on true
    where $1::text[] is null or a."id" = any ($1)`,
}

export function agentFactsOf({ grants, ...agent }: AgentRow): AgentFacts {
  return {
    ...agent,
    grants: grants.map((grant) => ({
      ...grant,
      expiresAt: grant.expiresAt === null ? null : new Date(grant.expiresAt),
    })),
  }
}

export type ServerFactsRow = {
  id: string
  name: string
  environment: 'development' | 'staging' | 'production'
  sensitivity: 'public' | 'internal' | 'confidential' | 'restricted'
  enabled: boolean
  statusReason: string | null
  demo: boolean
  callsPerSecond: number | null
  tools: Omit<ToolFacts, 'serverId'>[]
}

/** What decisions ask of a server `s`, and of a tool as pairs of a JSON object. */
export const serverFactColumns = `s."id", s."name", s."environment"::text, s."sensitivity"::text, s."status" = 'active' as "enabled", s."statusReason", s."demo"`
/**
 * The tools of a server `s` that calls are decided by: of those that it no longer lists the last ones, so that a call of one is told so. A server that renames its tools without end must not fill the
 * memory of brokers; an older name is one that it does not have.
 */
export const decidedToolsSql = `"McpTool" where "serverId" = s."id" and ("state" <> 'removed' or "name" in (
    select r."name" from "McpTool" r where r."serverId" = s."id" and r."state" = 'removed' order by r."lastSeenAt" desc, r."name" limit 200))`
export const toolFactPairs = `'name', "name", 'class', "class", 'state', "state", 'listUnitPriceMicros', coalesce("listUnitPriceMicros", s."listUnitPriceMicros")::text`

export const serverFactsSql: FactsSql<ServerFactsRow> = {
  name: 'server_facts',
  text: `select ${serverFactColumns}, s."callsPerSecond", s."callDeadlineSeconds", s."resultBytesMax", s."resultDepthMax", coalesce(t."tools", '[]') as "tools" from "McpServer" s
    left join lateral (select json_agg(json_build_object(${toolFactPairs}) order by "name") as "tools" from ${decidedToolsSql}) t on true
    where $1::text[] is null or s."id" = any ($1)`,
}

/** The tools of a server by name, with whatever else their rows say. */
export function toolFactsOf<Tool extends Omit<ToolFacts, 'serverId'>>(
  serverId: string,
  tools: readonly Tool[],
): Map<string, Tool & ToolFacts> {
  return new Map(tools.map((tool) => [tool.name, { ...tool, serverId }]))
}

/** Runs that may still call: one that is being stopped may not. Which model answers is known when a run begins; until then it counts as simulated. */
export const runsSql: FactsSql<RunFacts> = {
  name: 'broker_runs',
  text: `select r."id", r."agentId", r."agentVersion", r."simulated" or r."state" = 'queued' as "simulated", r."trigger"::text,
      coalesce(r."requestedById", r."scheduledById") as "startedById", ${writerIds} as "writerIds"
    from "Run" r left join "AgentVersion" v on v."agentId" = r."agentId" and v."version" = r."agentVersion"
    where r."state" in ('queued', 'running') and ($1::text[] is null or r."id" = any ($1::uuid[]))`,
}

const mayBypass = rolesWith('holds:bypass')
  .map((role) => `'${role}'`)
  .join(', ')

/** Rules that hold calls, in the order they are asked. A bypass is good as long as its opener may open one, and not for agents that they answer for, now, when it was opened or in between, nor for calls that they are behind. */
export const holdRulesSql: FactsSql<HoldRuleFacts> = {
  name: 'broker_hold_rules',
  text: `select "id", "title", "serverId", "toolName", "class"::text, "environment"::text, "conditions", "deciderRoles", "excludedDeciders", "decideSeconds", "onTimeout",
      coalesce((select json_agg(json_build_object('id', b."id", 'agentId', b."agentId", 'expiresAt', b."expiresAt", 'openedById', b."openedById",
          'exceptTeamIds', b."exceptTeamIds" || array(select m."teamId" from "TeamMember" m where m."personId" = b."openedById"),
          'exceptAgentIds', b."exceptAgentIds" || array(select a."id" from "Agent" a where a."accountablePersonId" = b."openedById"))
          order by b."openedAt", b."id")
        from "HoldBypass" b join "Person" p on p."id" = b."openedById" and p."active"
        where b."ruleId" = r."id" and b."endedAt" is null
          and exists (select from "PersonRole" o where o."personId" = p."id" and o."role" in (${mayBypass}))), '[]') as "bypasses"
    from "HoldRule" r where "removedAt" is null order by "position", "createdAt", "id"`,
}

/** The open stop orders, as one value. */
export const openStopsExpression = `coalesce((select json_agg(json_build_object('id', "id", 'scope', "scope", 'targetId', "targetId", 'orderedBy', "orderedByName",
        'reason', "reason") order by "orderedAt", "id") from "StopOrder" where "releasedAt" is null), '[]')`

export const stopsSql: FactsSql<{ stops: StopFacts[] }> = {
  name: 'open_stops',
  text: `select ${openStopsExpression} as "stops"`,
}
