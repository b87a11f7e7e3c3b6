import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { type Clause, type Qualifier, parseAgentQuery, parseClause, type QueryError } from './query-language.ts'
import { classesCovering } from './rules.ts'
import type { AgentListQuery, ToolClass } from './schema.ts'

type Sql = Prisma.Sql

export type Conditions = { clauses: Clause[]; words: string[] }

/** Query text and single parameters together. Throws `invalid` with `field`, `column` and `suggestion`. */
export function conditionsOf(query: AgentListQuery): Conditions {
  const parsed = parseAgentQuery(query.q)
  if (!parsed.ok) throw badQuery('q', parsed.error)
  const keys: Qualifier[] = ['can', 'env', 'server', 'owner', 'status', 'tier', 'template']
  const clauses = keys.flatMap((key) => {
    const value = query[key]
    if (value === undefined) return []
    const clause = parseClause(key, value)
    if (!clause.ok) throw badQuery(key, clause.error)
    return [clause.value]
  })
  return { clauses: [...parsed.value.clauses, ...clauses], words: parsed.value.words }
}

/** Over `"Agent" a` joined with `"Team" t`. All values travel as parameters. */
export function whereSql(conditions: Conditions, now: Date): Sql {
  const grants = conditions.clauses.filter(({ key }) => key === 'can' || key === 'env' || key === 'server')
  const parts = [
    ...conditions.clauses.flatMap((clause) => ownClause(clause)),
    ...(grants.length > 0 ? [grantExists(grants, now)] : []),
    ...conditions.words.map(
      (word) => Prisma.sql`lower(a."id" || ' ' || a."name" || ' ' || a."purpose") like ${`%${escapeLike(word)}%`}`,
    ),
  ]
  return parts.length === 0 ? Prisma.sql`true` : Prisma.join(parts, ' and ')
}

/**
 * In force means: not revoked, not expired, on an active server, and if narrowed to a tool, that tool is approved. Over `"Grant" g` joined
 * with `"McpServer" s`; the agent's own status is left out, so that a suspended agent's reach can still be found.
 */
export function inForceSql(now: Date): Sql {
  return Prisma.sql`g."revokedAt" is null and (g."expiresAt" is null or g."expiresAt" > ${now}) and s."status" = 'active'
    and (g."toolName" is null or exists (select 1 from "McpTool" tool
      where tool."serverId" = g."serverId" and tool."name" = g."toolName" and tool."state" = 'approved'))`
}

function ownClause({ key, values }: Clause): Sql[] {
  switch (key) {
    case 'owner':
      return [Prisma.sql`(a."ownerTeamId" = any(${values}) or lower(t."name") = any(${values}))`]
    case 'status':
      return [Prisma.sql`a."status" = any(${values}::text[]::"AgentStatus"[])`]
    case 'tier':
      return [Prisma.sql`a."tier" = any(${values}::text[]::"Tier"[])`]
    case 'template':
      return [
        Prisma.sql`exists (select 1 from "AgentVersion" v where v."agentId" = a."id" and v."version" = a."currentVersion"
          and (v."templateId" = any(${values}) or v."templateId" || '@' || v."templateVersion" = any(${values})))`,
      ]
    default:
      return []
  }
}

/** One grant must satisfy all of them: a write grant on staging and a read grant on production are not a write on production. */
function grantExists(clauses: Clause[], now: Date): Sql {
  const parts = clauses.map(({ key, values }) => {
    if (key === 'can') {
      const classes = [...new Set(values.flatMap((value) => classesCovering(value as ToolClass)))]
      return Prisma.sql`g."class" = any(${classes}::text[]::"ToolClass"[])`
    }
    if (key === 'env') return Prisma.sql`s."environment" = any(${values}::text[]::"Environment"[])`
    return Prisma.sql`(g."serverId" = any(${values}) or lower(s."name") = any(${values}))`
  })
  return Prisma.sql`exists (select 1 from "Grant" g join "McpServer" s on s."id" = g."serverId"
    where g."agentId" = a."id" and ${inForceSql(now)} and ${Prisma.join(parts, ' and ')})`
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&')
}

function badQuery(field: string, error: QueryError): DomainError {
  const hint = error.suggestion ? ` Did you mean "${error.suggestion}"?` : ''
  return new DomainError('invalid', `${error.message}${hint}`, {
    field,
    column: error.column,
    suggestion: error.suggestion,
    rule: 'registry:query',
  })
}
