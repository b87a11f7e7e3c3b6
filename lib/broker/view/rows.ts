import type { ArgumentCondition, CallRate } from '#lib/registry/schema/conditions.ts'
import type { ProcessBoundary } from '#lib/core/process-boundary.ts'
import type { CredentialSettings } from '#lib/registry/schema.ts'
import type { HoldRuleFacts } from '#lib/guardrails/schema/held-calls.ts'
import type { Sql } from './sql.ts'

// What a broker keeps in memory, as SQL. `$1` is null for everything, or the keys that changed.

export type AgentRow = {
  id: string
  name: string
  teamId: string
  tier: 'low' | 'medium' | 'high'
  status: 'provisioning' | 'active' | 'suspended' | 'retired'
  statusReason: string | null
  currentVersion: number
  grants: GrantRow[]
  overBudget: { month: string; spentMicros: string; budgetMicros: string } | null
}
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

/** Grants that expired long ago are left out: then the refusal says `grant_missing`. */
export const agentsSql: Sql<AgentRow> = {
  name: 'broker_agents',
  text: `select a."id", a."name", a."ownerTeamId" as "teamId", a."tier"::text, a."status"::text, a."statusReason", a."currentVersion",
      coalesce(g."grants", '[]') as "grants",
      case when o."agentId" is not null then json_build_object('month', o."month", 'spentMicros', o."spentMicros"::text,
        'budgetMicros', o."budgetMicros"::text) end as "overBudget"
    from "Agent" a
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

export type ToolRow = {
  name: string
  class: 'read' | 'write' | 'destructive'
  state: 'approved' | 'quarantined' | 'removed'
  definition: Record<string, unknown>
}
export type ServerRow = {
  id: string
  name: string
  url: string
  environment: 'development' | 'staging' | 'production'
  sensitivity: 'public' | 'internal' | 'confidential' | 'restricted'
  enabled: boolean
  demo: boolean
  maskSecrets: boolean
  blockMarked: boolean
  /** Null for a server over HTTP. */
  stdio: { boundary: ProcessBoundary; command: { command: string; args: string[]; env: string[] } } | null
  tools: ToolRow[]
  credentials: CredentialRow[]
}
export type CredentialRow = {
  id: string
  teamId: string | null
  kind: string
  headerName: string | null
  settings: CredentialSettings
  /** base64 */
  ciphertext: string
}

export const serversSql: Sql<ServerRow> = {
  name: 'broker_servers',
  text: `select s."id", s."name", s."url", s."environment"::text, s."sensitivity"::text, s."status" = 'active' as "enabled", s."demo", s."maskSecrets", s."blockMarked",
      case s."transport" when 'stdio' then json_build_object('boundary', s."boundary", 'command', s."command") end as "stdio",
      coalesce(t."tools", '[]') as "tools", coalesce(c."credentials", '[]') as "credentials"
    from "McpServer" s
    left join lateral (
      select json_agg(json_build_object('id', "id", 'teamId', "teamId", 'kind', "kind", 'headerName', "headerName", 'settings', "settings",
          'ciphertext', encode("ciphertext", 'base64')) order by "teamId" nulls first) as "credentials"
      from "UpstreamCredential" where "serverId" = s."id"
    ) c on true
    left join lateral (
      select json_agg(json_build_object('name', "name", 'class', "class", 'state', "state", 'definition', coalesce("approvedDefinition", "definition",
          jsonb_strip_nulls(jsonb_build_object('title', "title", 'description', "description", 'annotations', "annotations"))
            || jsonb_build_object('name', "name", 'inputSchema', "inputSchema"))) order by "name") as "tools"
      from "McpTool" where "serverId" = s."id"
    ) t on true
    where $1::text[] is null or s."id" = any ($1)`,
}

export type RunRow = { id: string; agentId: string; agentVersion: number; simulated: boolean }

/** Runs that may still call: one that is being stopped may not. Which model answers is known when a run begins; until then it counts as simulated. */
export const runsSql: Sql<RunRow> = {
  name: 'broker_runs',
  text: `select "id", "agentId", "agentVersion", "simulated" or "state" = 'queued' as "simulated" from "Run"
    where "state" in ('queued', 'running') and ($1::text[] is null or "id" = any ($1::uuid[]))`,
}

/** Rules that hold calls, in the order they were made. */
export const holdRulesSql: Sql<HoldRuleFacts> = {
  name: 'broker_hold_rules',
  text: `select "id", "title", "serverId", "toolName", "class"::text, "environment"::text, "conditions", "deciderRoles", "decideSeconds", "onTimeout"
    from "HoldRule" where "removedAt" is null order by "createdAt", "id"`,
}

export type KeyRow = { kid: string; publicJwk: { kty?: string; crv?: string; x?: string }; retiredAt: Date | null }

/** Keys that verify tokens, or did so today: until when exactly one does is decided with the time of the call. */
export const keysSql: Sql<KeyRow> = {
  name: 'broker_keys',
  text: `select "kid", "publicJwk", "retiredAt" from "SigningKey"
    where "withdrawnAt" is null and ("retiredAt" is null or "retiredAt" > now() - interval '1 day')`,
}

export type RevocationRow = { name: string }

/** What was revoked so recently that tokens of it may still be valid otherwise (15 minutes, and a few for clocks). */
export const revocationsSql: Sql<RevocationRow> = {
  name: 'broker_revocations',
  text: `select 'client:' || "clientId" as "name" from "AgentCredential" where "revokedAt" > now() - interval '20 minutes'
    union all select 'token:' || "jti" from "RevokedToken" where "expiresAt" > now() - interval '5 minutes'`,
}

export type StopRow = { id: string; scope: string; targetId: string; orderedBy: string; reason: string }
export type PollRow = {
  /** Every transaction before this one has ended: what it noted was seen with this snapshot. */
  xmin: string
  changes: { kind: string; key: string }[]
  stops: StopRow[]
}

/** One round trip a second: the open stop orders, and what changed since the snapshot whose xmin is `$1`. */
export const pollSql: Sql<PollRow> = {
  name: 'broker_poll',
  text: `select pg_snapshot_xmin(pg_current_snapshot())::text as "xmin",
      coalesce((select json_agg(c) from (select distinct "kind", "key" from "PolicyChange" where "xid" >= $1::bigint) c), '[]') as "changes",
      coalesce((select json_agg(json_build_object('id', "id", 'scope', "scope", 'targetId', "targetId", 'orderedBy', "orderedByName",
        'reason', "reason") order by "orderedAt", "id") from "StopOrder" where "releasedAt" is null), '[]') as "stops"`,
}

/** Brokers that were away longer reload everything. */
export const pruneChangesSql = `delete from "PolicyChange" where "at" < now() - interval '1 hour'`
