import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { firstSeqSince } from './first-seq.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { policySetNotFound } from '../rules/policy-set-errors.ts'
import type { LogOnlyReport, LogOnlyRow } from '../schema/policy-sets.ts'

const rowsMax = 500

type Sums = Pick<LogOnlyReport, 'wouldRefuse' | 'wouldPermit' | 'agents' | 'unread'>

/**
 * What a set would have decided otherwise while it was log-only with its text of now, by agent, policy and tool, from the audit log. Needs `audit:read`; throws `not_found`. Null: this text
 * was never log-only.
 */
export async function logOnlyReport(ctx: Ctx, number: number): Promise<LogOnlyReport | null> {
  authorize(ctx, 'audit:read')
  const db = reader(ctx)
  const set = await db.policySet.findUnique({
    where: { number },
    select: { version: true, logOnlyAt: true, logOnlyEndedAt: true },
  })
  if (!set) throw policySetNotFound(number)
  const { version, logOnlyAt, logOnlyEndedAt } = set
  if (!logOnlyAt) return null
  const to = logOnlyEndedAt ?? ctx.now
  const differing = Prisma.sql`e."event" in ('mcp.call_allowed', 'mcp.call_denied') and e."detail" ? 'candidate'
    and e."detail"->'candidate'->>'version' = ${version} and e."at" >= ${logOnlyAt} and e."seq" >= ${firstSeqSince(logOnlyAt)}`
  const rows = await db.$queryRaw<(Omit<LogOnlyRow, 'lastAt'> & { lastAt: Date })[]>`
    select e."agentId", coalesce(max(a."name"), e."agentId") as "agentName", e."detail"->'candidate'->>'rule' as "rule",
      case when e."event" = 'mcp.call_denied' then e."rule" end as "refusedBy", e."serverId", e."tool", count(*)::int as "calls",
      max(e."at") as "lastAt", (array_agg(e."id" order by e."seq" desc))[1]::text as "lastDecision"
    from "AuditEvent" e left join "Agent" a on a."id" = e."agentId"
    where ${differing} and not e."detail"->'candidate' ? 'unread'
    group by 1, 3, 4, 5, 6 order by "calls" desc, 1, 3, 6 limit ${rowsMax}`
  const [sums] = await db.$queryRaw<Sums[]>`
    select count(*) filter (where not u.unread and u.rule is not null)::int as "wouldRefuse",
      count(*) filter (where not u.unread and u.rule is null)::int as "wouldPermit",
      count(distinct u."agentId") filter (where not u.unread)::int as "agents", count(*) filter (where u.unread)::int as "unread"
    from (select e."agentId", e."detail"->'candidate'->>'rule' as rule, e."detail"->'candidate' ? 'unread' as unread
      from "AuditEvent" e where ${differing}) u`
  const [counted] = await db.$queryRaw<{ calls: number }[]>`
    select count(*)::int as "calls" from "AuditEvent"
    where "event" in ('mcp.call_allowed', 'mcp.call_denied') and "detail" ? 'situation' and "at" >= ${logOnlyAt} and "at" <= ${to}
      and "seq" >= ${firstSeqSince(logOnlyAt)}`
  const { unread, wouldRefuse, wouldPermit, agents } = sums!
  return {
    number,
    version,
    from: logOnlyAt.toISOString(),
    to: to.toISOString(),
    calls: counted?.calls ?? 0,
    unread,
    wouldRefuse,
    wouldPermit,
    agents,
    rows: rows.map((row) => ({ ...row, lastAt: row.lastAt.toISOString() })),
  }
}
