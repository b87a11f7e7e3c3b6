import type { Tx } from '#lib/db/client.ts'
import { revisionOf } from '#lib/core/revision.ts'

/** Of whom we remind, and when: nobody has written anything. */
const timed = {
  remindAt: true,
  remindedAt: true,
  overdueToldAt: true,
  escalations: true,
  escalationRuleId: true,
} as const

/** A scope request and what was decided, as a text that changes with it; null: there is none. With `lock` its agent is held first, as by every decision. */
export async function scopeRequestRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) {
    await tx.$queryRaw`select 1 from "Agent" where "id" = (select "agentId" from "ScopeRequest" where "id" = ${id}::uuid) for no key update`
  }
  const request = await tx.scopeRequest.findUnique({
    where: { id },
    omit: timed,
    include: { approvals: { orderBy: { id: 'asc' } } },
  })
  return request && revisionOf(request)
}

/** The same of a grant. */
export async function grantRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) {
    await tx.$queryRaw`select 1 from "Agent" where "id" = (select "agentId" from "Grant" where "id" = ${id}::uuid) for no key update`
  }
  const grant = await tx.grant.findUnique({ where: { id } })
  return grant && revisionOf(grant)
}

/** A break-glass grant by its id, with its review. */
export async function breakGlassRevision(tx: Tx, grantId: string, lock: boolean): Promise<string | null> {
  if (lock) {
    await tx.$queryRaw`select 1 from "Agent" where "id" = (select "agentId" from "BreakGlassReview" where "grantId" = ${grantId}::uuid) for no key update`
  }
  const review = await tx.breakGlassReview.findUnique({
    where: { grantId },
    omit: { ...timed, dueAt: true },
    include: { grant: true },
  })
  return review && revisionOf(review)
}

/** A rule of the approval policy, with who asked for its end. */
export async function approvalRuleRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select pg_advisory_xact_lock(hashtext('approval_rules'))::text`
  const rule = await tx.approvalRule.findUnique({ where: { id } })
  return rule && revisionOf(rule)
}
