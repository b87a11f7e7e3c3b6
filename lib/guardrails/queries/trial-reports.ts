import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { plural } from '#lib/core/count.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { hourOfWeek } from '../replay/recorded-calls.ts'
import { differenceSays } from '../rules/replay-words.ts'
import { policySetNotFound } from '../rules/policy-set-errors.ts'
import type { ReplayFigures } from '../schema/replays.ts'
import type { TrialReport, TrialReports, TrialRow } from '../schema/trial-reports.ts'
import { firstSeqSince } from './first-seq.ts'

const rowsMax = 100
/** So many of an agent's rows of the log are looked through for the last call of a difference. */
const lookedMax = 20_000

type Set = { number: number; version: string; logOnlyAt: Date | null; logOnlyEndedAt: Date | null }
type Row = Omit<TrialRow, 'lastAt'> & { lastAt: Date | null }

/**
 * What a set would have decided otherwise with its text of now: by its last finished replay, and while it was log-only. Both by agent, tool and policy, each with its last call. Needs
 * `audit:read`; throws `not_found`.
 */
export async function trialReports(ctx: Ctx, number: number): Promise<TrialReports> {
  authorize(ctx, 'audit:read')
  const set = await reader(ctx).policySet.findUnique({
    where: { number },
    select: { number: true, version: true, logOnlyAt: true, logOnlyEndedAt: true },
  })
  if (!set) throw policySetNotFound(number)
  const [replay, logOnly] = await Promise.all([ofReplay(ctx, set), ofLogOnly(ctx, set)])
  return { number, version: set.version, replay, logOnly }
}

async function ofReplay(ctx: Ctx, { number, version }: Set): Promise<TrialReport | null> {
  const db = reader(ctx)
  const replay = await db.policyReplay.findFirst({
    where: { setNumber: number, setVersion: version, state: 'done' },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
  })
  if (!replay) return null
  const { id, attempt, afterSeq, upToSeq, fromAt, toAt } = replay
  const { judged, unjudged, blocked, permitted } = replay.report as ReplayFigures
  const rows = await db.$queryRaw<Row[]>`
    select d.*, a."name" as "agentName", case when d."kind" = 'permitted' then d."rule" end as "refusedBy", l."lastAt", l."lastDecision"
    from (
      select "kind", "agentId", "serverId", "tool", "rule", sum("calls")::int as "calls"
      from "PolicyReplayDifference" where "replayId" = ${id}::uuid and "attempt" = ${attempt}
      group by 1, 2, 3, 4, 5 order by 6 desc, 2, 4, 5 limit ${rowsMax}) d
    left join "Agent" a on a."id" = d."agentId"
    left join lateral (
      select e."at" as "lastAt", e."id"::text as "lastDecision"
      from (select * from "AuditEvent" where "agentId" = d."agentId" and "seq" > ${afterSeq} and "seq" <= ${upToSeq}
        order by "seq" desc limit ${lookedMax}) e
      where e."event" = case when d."kind" = 'blocked' then 'mcp.call_allowed' else 'mcp.call_denied' end and e."tool" = d."tool" and e."serverId" = d."serverId"
        and e."at" >= ${fromAt} and exists (
          select 1 from "PolicyReplayDifference" o where o."replayId" = ${id}::uuid and o."attempt" = ${attempt} and o."kind" = d."kind"
            and o."rule" = d."rule" and o."agentId" = d."agentId" and o."situation" = e."detail"->>'situation'
            and (o."hours" = '{}' or ${hourOfWeek} = any (o."hours")))
      order by e."seq" desc limit 1) l on true
    order by d."calls" desc, d."agentId", d."tool", d."rule"`
  const figures = { calls: judged + unjudged, judged, blocked, permitted }
  return { by: 'replay', ...timesOf(fromAt, toAt), running: false, replayId: id, ...figures, ...told(figures, rows) }
}

async function ofLogOnly(ctx: Ctx, set: Set): Promise<TrialReport | null> {
  const { version, logOnlyAt: from, logOnlyEndedAt } = set
  if (!from) return null
  const db = reader(ctx)
  const to = logOnlyEndedAt ?? ctx.now
  const differing = Prisma.sql`e."event" in ('mcp.call_allowed', 'mcp.call_denied') and e."detail" ? 'candidate'
    and e."detail"->'candidate'->>'version' = ${version} and e."at" >= ${from} and e."seq" >= ${firstSeqSince(from)}`
  const rows = await db.$queryRaw<Row[]>`
    select case when e."detail"->'candidate'->>'rule' is null then 'permitted' else 'blocked' end as "kind", e."agentId", max(a."name") as "agentName",
      e."serverId", e."tool", coalesce(e."detail"->'candidate'->>'rule', e."rule") as "rule",
      case when e."detail"->'candidate'->>'rule' is null then e."rule" end as "refusedBy", count(*)::int as "calls", max(e."at") as "lastAt",
      (array_agg(e."id" order by e."seq" desc))[1]::text as "lastDecision"
    from "AuditEvent" e left join "Agent" a on a."id" = e."agentId"
    where ${differing} and not e."detail"->'candidate' ? 'unread'
    group by 1, 2, 4, 5, 6, 7 order by "calls" desc, 2, 5, 6 limit ${rowsMax}`
  type Sums = { unread: number; blocked: number; blockers: number; permitted: number; permitters: number }
  const [sums] = await db.$queryRaw<Sums[]>`
    select count(*) filter (where u.unread)::int as "unread",
      count(*) filter (where u.blocked)::int as "blocked", count(distinct u."agentId") filter (where u.blocked)::int as "blockers",
      count(*) filter (where u.permitted)::int as "permitted", count(distinct u."agentId") filter (where u.permitted)::int as "permitters"
    from (select c."agentId", c.unread, not c.unread and c.rule is not null as blocked, not c.unread and c.rule is null as permitted
      from (select e."agentId", e."detail"->'candidate'->>'rule' as rule, e."detail"->'candidate' ? 'unread' as unread
        from "AuditEvent" e where ${differing}) c) u`
  const [counted] = await db.$queryRaw<{ calls: number }[]>`
    select count(*)::int as "calls" from "AuditEvent"
    where "event" in ('mcp.call_allowed', 'mcp.call_denied') and "detail" ? 'situation' and "at" >= ${from} and "at" <= ${to}
      and "seq" >= ${firstSeqSince(from)}`
  const { unread, blocked, blockers, permitted, permitters } = sums!
  const calls = counted?.calls ?? 0
  const figures = {
    calls,
    judged: Math.max(0, calls - unread),
    blocked: { calls: blocked, agents: blockers },
    permitted: { calls: permitted, agents: permitters },
  }
  const running = logOnlyEndedAt === null
  return { by: 'log_only', ...timesOf(from, to), running, replayId: null, ...figures, ...told(figures, rows) }
}

function timesOf(from: Date, to: Date): { from: string; to: string } {
  return { from: from.toISOString(), to: to.toISOString() }
}

type Figures = Pick<TrialReport, 'calls' | 'judged' | 'blocked' | 'permitted'>

function told(figures: Figures, rows: readonly Row[]): Pick<TrialReport, 'says' | 'rows'> {
  const unknown = figures.calls - figures.judged
  const says = differenceSays(figures)
  if (unknown > 0) says.push(`Of ${plural(unknown, 'call')} it could not be asked about nothing is known.`)
  return { says, rows: rows.map((row) => ({ ...row, lastAt: row.lastAt?.toISOString() ?? null })) }
}
