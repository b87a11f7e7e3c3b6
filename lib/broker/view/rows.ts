import type { ProcessBoundary } from '#lib/core/process-boundary.ts'
import {
  decidedToolsSql,
  serverFactColumns,
  type ServerFactsRow,
  toolFactPairs,
} from '#lib/guardrails/queries/facts-sql.ts'
import { privateDataClasses } from '#lib/registry/rules/argument-profile.ts'
import type { CredentialSettings } from '#lib/registry/schema.ts'
import type { Sql } from './sql.ts'

// What a broker keeps in memory beyond the facts that calls are decided by, as SQL. `$1` is null for everything, or the keys that changed.

type ToolRow = ServerFactsRow['tools'][number] & { definition: Record<string, unknown> }
export type ServerRow = ServerFactsRow & {
  url: string
  maskSecrets: boolean
  blockMarked: boolean
  /** Whether it has data of people or credentials. */
  isPrivate: boolean
  callsPerSecond: number | null
  callDeadlineSeconds: number | null
  resultBytesMax: number | null
  resultDepthMax: number | null
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
  text: `select ${serverFactColumns}, s."url", s."maskSecrets", s."blockMarked", s."dataClasses" && array[${privateDataClasses.map((name) => `'${name}'`).join(', ')}] as "isPrivate",
      s."callsPerSecond", s."callDeadlineSeconds", s."resultBytesMax", s."resultDepthMax",
      case s."transport" when 'stdio' then json_build_object('boundary', s."boundary", 'command', s."command") end as "stdio",
      coalesce(t."tools", '[]') as "tools", coalesce(c."credentials", '[]') as "credentials"
    from "McpServer" s
    left join lateral (
      select json_agg(json_build_object('id', "id", 'teamId', "teamId", 'kind', "kind", 'headerName', "headerName", 'settings', "settings",
          'ciphertext', encode("ciphertext", 'base64')) order by "teamId" nulls first) as "credentials"
      from "UpstreamCredential" where "serverId" = s."id"
    ) c on true
    left join lateral (
      select json_agg(json_build_object(${toolFactPairs}, 'definition', coalesce("approvedDefinition", "definition",
          jsonb_strip_nulls(jsonb_build_object('title', "title", 'description', "description", 'annotations', "annotations"))
            || jsonb_build_object('name', "name", 'inputSchema', "inputSchema"))) order by "name") as "tools"
      from ${decidedToolsSql}
    ) t on true
    where $1::text[] is null or s."id" = any ($1)`,
}

export type PolicySetRow = { number: number; state: 'enforced' | 'log_only'; version: string; policies: string[] }

/** The central policies in force, and those that are only logged. */
export const policySetsSql: Sql<PolicySetRow> = {
  name: 'broker_policy_sets',
  text: `select "number", "state"::text, "version", "policies" from "PolicySet" where "state" in ('enforced', 'log_only')`,
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
