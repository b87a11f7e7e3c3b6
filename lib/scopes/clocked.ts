import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { ApprovalFacts, ApprovalRuleFacts } from './rules/approval-policy.ts'
import { requestPolicy, reviewRule } from './rules/request-policy.ts'
import { toolsNamedIn } from './queries/named-tools.ts'

// Scope requests and reviews of break-glass that are open have the same clock: a rule of the approval policy says how long, and to whom they are passed on.

export type ClockedKind = 'request' | 'review'

/** One of either kind, with what rules go by; `id` is that of the request, or of the grant that is reviewed. */
export type Clocked = ApprovalFacts & {
  id: string
  askedAt: Date
  dueAt: Date | null
  remindAt: Date | null
  remindedAt: Date | null
  overdueToldAt: Date | null
  escalations: number
  escalationRuleId: string | null
  /** Of a request that names tools: these; otherwise none. */
  toolNames: string[]
  requesterId: string
} & Concerned
type Concerned = { serverId: string; toolName: string | null; agentId: string; agentName: string; teamId: string }

const concernedSql = Prisma.sql`a."id" as "agentId", a."name" as "agentName", a."ownerTeamId" as "teamId"`
const clockSql = Prisma.sql`r."dueAt", r."remindAt", r."remindedAt", r."overdueToldAt", r."escalations", r."escalationRuleId"`
const factsSql = Prisma.sql`${concernedSql}, a."tier"::text as "tier", s."environment"::text as "environment", s."sensitivity"::text as "sensitivity", s."dataClasses"`

/** Of each kind: what is open, and the row that says its server and tool. */
const kinds = {
  request: {
    table: Prisma.sql`"ScopeRequest"`,
    key: Prisma.sql`t."id"`,
    id: Prisma.sql`r."id"`,
    open: Prisma.sql`r."state" = 'pending'`,
    of: Prisma.sql`r`,
    // Where several are named it is about none of them alone.
    tool: Prisma.sql`case when cardinality(r."toolNames") = 1 then r."toolNames"[1] end`,
    asked: Prisma.sql`r."toolNames", r."requestedById" as "requesterId"`,
    askedAt: Prisma.sql`coalesce(r."askedAt", r."createdAt")`,
    join: Prisma.empty,
  },
  review: {
    table: Prisma.sql`"BreakGlassReview"`,
    key: Prisma.sql`t."grantId"`,
    id: Prisma.sql`r."grantId"`,
    open: Prisma.sql`r."reviewedAt" is null`,
    of: Prisma.sql`g`,
    tool: Prisma.sql`g."toolName"`,
    asked: Prisma.sql`'{}'::text[] as "toolNames", '' as "requesterId"`,
    askedAt: Prisma.sql`r."openedAt"`,
    join: Prisma.sql`join "Grant" g on g."id" = r."grantId"`,
  },
} as const satisfies Record<ClockedKind, object>

/** The id of what waits, for a condition or an order on `r`. */
export function clockedId(kind: ClockedKind): Prisma.Sql {
  return kinds[kind].id
}

/** Those of a kind that are open, with `rest`: more conditions on `r`, an order, a limit, a lock. */
export async function openClocked(tx: Tx, kind: ClockedKind, rest: Prisma.Sql): Promise<Clocked[]> {
  const { table, id, open, of, tool, asked, askedAt, join } = kinds[kind]
  return await tx.$queryRaw`
    select ${id} as "id", ${askedAt} as "askedAt", ${clockSql}, ${of}."serverId", ${tool} as "toolName", ${asked}, ${of}."class"::text as "class", ${factsSql}
    from ${table} r ${join} join "Agent" a on a."id" = r."agentId" join "McpServer" s on s."id" = ${of}."serverId"
    where ${open} ${rest}`
}

/** The rule that each of these is decided or reviewed by. */
export async function rulesOfClocked(
  tx: Tx,
  { kind, rows, rules }: { kind: ClockedKind; rows: readonly Clocked[]; rules: readonly ApprovalRuleFacts[] },
): Promise<(row: Clocked) => ApprovalRuleFacts> {
  if (kind === 'review') return (row) => reviewRule(rules, row)
  const toolsOf = await toolsNamedIn(tx, rows)
  return (row) => requestPolicy(rules, { ...row, tools: toolsOf(row) }).rule
}

/** Told in one transaction. */
const batchMax = 500
const marks = { reminded: Prisma.sql`"remindedAt"`, overdue: Prisma.sql`"overdueToldAt"` } as const

/** Reminds of what is due soon, or announces what nobody has decided in time: of each once. Returns how many. */
export async function tellOfClocked(ctx: Ctx, kind: ClockedKind, what: keyof typeof marks): Promise<number> {
  const { table, key, id, open, of, tool, join } = kinds[kind]
  const mark = marks[what]
  return await inTx(ctx, async (tx, ctx) => {
    const when =
      what === 'reminded'
        ? Prisma.sql`r."remindAt" <= ${ctx.now} and r."dueAt" > ${ctx.now}`
        : Prisma.sql`r."dueAt" <= ${ctx.now}`
    const rows = await tx.$queryRaw<(Concerned & { id: string; dueAt: Date })[]>`
      with told as (
        update ${table} t set ${mark} = ${ctx.now} where ${key} in (
          select ${id} from ${table} r where ${open} and r.${mark} is null and ${when}
          order by r."dueAt" limit ${batchMax} for update skip locked)
        returning t.*)
      select ${id} as "id", r."dueAt", ${of}."serverId", ${tool} as "toolName", ${concernedSql}
      from told r ${join} join "Agent" a on a."id" = r."agentId"`
    for (const row of rows) {
      const dueAt = row.dueAt.toISOString()
      if (kind === 'request') {
        const detail = { requestId: row.id, dueAt }
        const event = what === 'reminded' ? 'scope_request.reminded' : 'scope_request.overdue'
        recordAudit(tx, ctx, { event, ...aboutClocked(row), detail })
      } else {
        const detail = { grantId: row.id, dueAt }
        const event = what === 'reminded' ? 'break_glass_review.reminded' : 'break_glass_review.overdue'
        recordAudit(tx, ctx, { event, ...aboutClocked(row), detail })
      }
    }
    return rows.length
  })
}

/** What an event of it is about. */
export function aboutClocked({ agentId, agentName, teamId, serverId, toolName }: Concerned) {
  const subject = { kind: 'agent', id: agentId, name: agentName }
  return { subject, agentId, teamId, serverId, ...(toolName ? { tool: toolName } : {}) }
}
