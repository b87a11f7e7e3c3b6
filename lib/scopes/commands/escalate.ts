import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { readApprovalRules } from '../queries/approval-policy.ts'
import { type ApprovalFacts, approvalRuleFor, escalationDue } from '../rules/approval-policy.ts'

/** In one transaction. */
const batchMax = 200

/** Passes on what is overdue still, as the rule that holds says, one step at a time and each of them once, however many workers ask. Returns how many. */
export async function escalateRequests(ctx: Ctx): Promise<number> {
  let escalated = 0
  // Those whose rule passes nothing on stay where they are: so page by page until the end.
  for (let after: Overdue | undefined; ;) {
    const done = await inTx(ctx, (tx, ctx) => escalateSome(tx, ctx, after))
    escalated += done.escalated
    if (!done.last) return escalated
    after = done.last
  }
}

/** `last` is where the next batch begins; null: there is none. */
async function escalateSome(tx: Tx, ctx: Ctx, after: Overdue | undefined) {
  const rules = await readApprovalRules(tx)
  if (!rules.some(({ escalation }) => escalation)) return { escalated: 0, last: null }
  const page = await overdue(tx, ctx, after)
  let escalated = 0
  for (const row of page) {
    const rule = approvalRuleFor(rules, row)
    const step = escalationDue(rule, { ...row, now: ctx.now })
    if (step === null || !rule.escalation) continue
    await tx.scopeRequest.update({ where: { id: row.id }, data: { escalations: step, escalationRuleId: rule.id } })
    const { roles, teamId, times, mayDecide } = rule.escalation
    const subject = { kind: 'agent', id: row.agentId, name: row.agentName }
    const about = { subject, agentId: row.agentId, teamId: row.teamId, serverId: row.serverId }
    const detail = { requestId: row.id, step, of: times, roles, teamId, mayDecide, dueAt: row.dueAt.toISOString() }
    recordAudit(tx, ctx, {
      event: 'scope_request.escalated',
      ...about,
      ...(row.toolName ? { tool: row.toolName } : {}),
      detail,
    })
    escalated += 1
  }
  return { escalated, last: page.length < batchMax ? null : page.at(-1)! }
}

type Overdue = ApprovalFacts & {
  id: string
  dueAt: Date
  escalations: number
  escalationRuleId: string | null
  toolName: string | null
  serverId: string
  agentId: string
  agentName: string
  teamId: string
}

async function overdue(tx: Tx, ctx: Ctx, after: Overdue | undefined): Promise<Overdue[]> {
  const from = after?.dueAt ?? new Date(0)
  const id = after?.id ?? '00000000-0000-0000-0000-000000000000'
  return await tx.$queryRaw<Overdue[]>`
    select r."id", r."dueAt", r."escalations", r."escalationRuleId", r."toolName", r."serverId", r."class"::text as "class", a."id" as "agentId", a."name" as "agentName",
      a."ownerTeamId" as "teamId", a."tier"::text as "tier", s."environment"::text as "environment", s."sensitivity"::text as "sensitivity", s."dataClasses"
    from "ScopeRequest" r join "Agent" a on a."id" = r."agentId" join "McpServer" s on s."id" = r."serverId"
    where r."state" = 'pending' and r."dueAt" <= ${ctx.now} and (r."dueAt", r."id") > (${from}, ${id}::uuid)
    order by r."dueAt", r."id" limit ${batchMax} for update of r skip locked`
}
