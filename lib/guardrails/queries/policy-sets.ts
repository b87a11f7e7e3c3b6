import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { lineDiff } from '#lib/core/line-diff.ts'
import type { PolicySet as PolicySetModel } from '#lib/db/generated/client.ts'
import { checkedPolicies } from '../cedar/checked.ts'
import { joinPolicies } from '../cedar/split.ts'
import { tryPolicies } from '../cedar/try-policies.ts'
import { policySetNotFound } from '../rules/policy-set-errors.ts'
import { policySetActionDenial } from '../rules/policy-set-life.ts'
import {
  type CheckPoliciesInput,
  type PolicyProblem,
  type PolicySetAction,
  policySetActions,
  type PolicySetDetail,
  type PolicySetList,
  type PolicySetListQuery,
  policySetListQuery,
  type PolicySetSummary,
} from '../schema/policy-sets.ts'
import type { TrialTermsView } from '../schema/policy-trial.ts'
import { surroundingsOf, trialTerms } from './policy-evidence.ts'
import { policyViews } from './policy-views.ts'
import { policySchema } from './policy-source.ts'
import { warningsOf } from './policy-warnings.ts'

/** Of one set. */
const periodsMax = 100

/** The policy sets, the newest first, a page at a time; what was thrown away only when asked for. Needs `agents:read`; throws `invalid` for a cursor that is no set. */
export async function listPolicySets(ctx: Ctx, input: PolicySetListQuery = {}): Promise<PolicySetList> {
  authorize(ctx, 'agents:read')
  const { state, limit, cursor } = policySetListQuery.parse(input)
  const db = reader(ctx)
  const after = cursor === undefined ? null : Number(cursor)
  if (after !== null && (await db.policySet.count({ where: { number: after } })) === 0)
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
  const rows = await db.policySet.findMany({
    where: { state: state ?? { not: 'discarded' }, ...(after === null ? {} : { number: { lt: after } }) },
    orderBy: { number: 'desc' },
    take: limit + 1,
    omit: { schemaText: true, policies: true, words: true },
  })
  const page = rows.slice(0, limit)
  const sizes = await db.$queryRaw<{ number: number; policies: number }[]>`
    select "number", cardinality("policies") as "policies" from "PolicySet" where "number" = any(${page.map(({ number }) => number)})`
  const sizeOf = new Map(sizes.map(({ number, policies }) => [number, policies]))
  return {
    items: page.map((row) => summaryOf({ ...row, policies: sizeOf.get(row.number) ?? 0 })),
    nextCursor: rows.length > limit ? String(page.at(-1)!.number) : null,
  }
}

/** What has to be before a set counts as tried, and who set that. Needs `agents:read`. */
export async function getTrialTerms(ctx: Ctx): Promise<TrialTermsView> {
  authorize(ctx, 'agents:read')
  return await trialTerms(ctx)
}

/** A policy set: its text and what each policy says, how it differs from the set in force, and what may be done with it by the person who asks. Needs `agents:read`; throws `not_found`. */
export async function getPolicySet(ctx: Ctx, number: number): Promise<PolicySetDetail> {
  authorize(ctx, 'agents:read')
  const db = reader(ctx)
  const row = await db.policySet.findUnique({ where: { number } })
  if (!row) throw policySetNotFound(number)
  const text = joinPolicies(row.policies)
  const checked = await checkedPolicies(text, policySchema)
  const enforced = await db.policySet.findFirst({
    where: { state: 'enforced' },
    select: { number: true, version: true, policies: true },
  })
  const around = await surroundingsOf(db, row, ctx.now)
  const denial = (action: PolicySetAction) => policySetActionDenial(ctx.actor, row, { ...around, action })
  return {
    ...summaryOf({ ...row, policies: row.policies.length }),
    text,
    rules: await policyViews(ctx, row, checked.policies),
    warnings: checked.problems.length === 0 ? await warningsOf(ctx, checked) : [],
    problems: checked.problems,
    enforced: enforced && { number: enforced.number, version: enforced.version },
    diff: enforced && enforced.version !== row.version ? lineDiff(joinPolicies(enforced.policies), text) : [],
    trial: around.trial,
    periods: (await db.policySetPeriod.findMany({ where: { number }, orderBy: { id: 'desc' }, take: periodsMax })).map(
      ({ fromAt, untilAt, byName }) => ({
        from: fromAt.toISOString(),
        until: untilAt?.toISOString() ?? null,
        by: byName,
      }),
    ),
    actions: Object.fromEntries(
      policySetActions.map((action) => [action, denial(action)]),
    ) as PolicySetDetail['actions'],
  }
}

/** The number of the set in force, or null. Needs `agents:read`. */
export async function policySetsInUse(ctx: Ctx): Promise<{ enforced: number | null; logOnly: number | null }> {
  authorize(ctx, 'agents:read')
  const rows = await reader(ctx).policySet.findMany({
    where: { state: { in: ['enforced', 'log_only'] } },
    select: { number: true, state: true },
  })
  const numberOf = (state: string) => rows.find((row) => row.state === state)?.number ?? null
  return { enforced: numberOf('enforced'), logOnly: numberOf('log_only') }
}

/** What is wrong with a text of policies, and what is hardly meant. Saves nothing. Needs `policies:manage`. */
export async function checkPolicyText(
  ctx: Ctx,
  { text }: CheckPoliciesInput,
): Promise<{ problems: PolicyProblem[]; warnings: PolicyProblem[] }> {
  authorize(ctx, 'policies:manage')
  const checked = await tryPolicies(text, policySchema)
  if (checked.problems.length > 0) return { problems: checked.problems, warnings: [] }
  return { problems: [], warnings: await warningsOf(ctx, checked) }
}

function summaryOf(
  row: Omit<PolicySetModel, 'schemaText' | 'policies' | 'words'> & { policies: number },
): PolicySetSummary {
  const iso = (at: Date | null) => at?.toISOString() ?? null
  return {
    number: row.number,
    state: row.state,
    version: row.version,
    note: row.note,
    origin: row.origin === 'release' ? 'release' : 'person',
    basedOn: row.basedOn,
    policies: row.policies,
    createdBy: row.createdByName,
    createdAt: row.createdAt.toISOString(),
    changedBy: row.changedByName,
    changedAt: row.changedAt.toISOString(),
    logOnlyAt: iso(row.logOnlyAt),
    logOnlyEndedAt: iso(row.logOnlyEndedAt),
    enforcedAt: iso(row.enforcedAt),
    enforcedBy: row.enforcedByName,
    supersededAt: iso(row.supersededAt),
    withoutReplay: row.withoutReplay,
    emptyReplay: row.emptyReplay,
    discardedAt: iso(row.discardedAt),
    discardedBy: row.discardedByName,
  }
}
