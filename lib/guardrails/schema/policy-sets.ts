import { z } from 'zod'
import { numberMax } from '#lib/core/count.ts'
import type { PolicyTrial } from './policy-trial.ts'

export const policySetStates = ['draft', 'log_only', 'enforced', 'superseded', 'discarded'] as const
export type PolicySetState = (typeof policySetStates)[number]

/** What a central policy says in plain words; `remedy` is empty for one that permits. */
export type PolicyWords = {
  id: string
  effect: 'permit' | 'forbid'
  title: string
  explanation: string
  remedy: string
}

/** Something that is wrong with the text of a policy, and where: lines and columns count from 1. */
export type PolicyProblem = { policyId: string | null; line: number; column: number; message: string; help: string }

const number = z.int().min(1).max(numberMax)
const policyText = z.string().max(200_000, 'At most 200,000 characters.')
const reason = z.string().trim().min(10, 'Say it in at least ten characters.').max(1000)

export const checkPoliciesInput = z.object({ text: policyText })
export type CheckPoliciesInput = z.infer<typeof checkPoliciesInput>

export const draftPolicySetInput = z.strictObject({
  /** The draft that is changed; null: a new one. */
  number: number.nullable().default(null),
  text: policyText,
  note: z.string().trim().min(3, 'Say what changes, and why.').max(1000),
  /** The version of the text that was read before it was changed: another one in the meantime is not overwritten. */
  version: z.string().nullable().default(null),
  /** The set a new one is made from; null: the one in force. */
  basedOn: number.nullable().default(null),
})
export type DraftPolicySetInput = z.input<typeof draftPolicySetInput>

export const policySetInput = z.strictObject({ number })
export type PolicySetInput = z.infer<typeof policySetInput>

export const enforcePolicySetInput = z.strictObject({
  number,
  /** The version that was looked at. */
  version: z.string(),
  /** The number of the set it takes the place of. */
  replaces: number.nullable(),
  /** Why it was not tried before. */
  withoutReplay: reason.nullable().default(null),
  /** Why it is enforced although its replay met no call: whoever says so knows that it has shown nothing. */
  emptyReplay: reason.nullable().default(null),
})
export type EnforcePolicySetInput = z.input<typeof enforcePolicySetInput>

export const discardPolicySetInput = z.strictObject({
  number,
  /** The version that was looked at. */
  version: z.string(),
})
export type DiscardPolicySetInput = z.infer<typeof discardPolicySetInput>

export const policySetListQuery = z.strictObject({
  /** Left out: all but those that were thrown away. */
  state: z.enum(policySetStates).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  /** `nextCursor` of the page before. */
  cursor: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'A cursor is the nextCursor of the page before.')
    .optional(),
})
export type PolicySetListQuery = z.input<typeof policySetListQuery>
export type PolicySetList = { items: PolicySetSummary[]; nextCursor: string | null }

export const rollBackPolicySetInput = z.strictObject({ number, replaces: number.nullable(), reason })
export type RollBackPolicySetInput = z.infer<typeof rollBackPolicySetInput>

export const policySetRules = [
  'policies:not_a_draft',
  'policies:not_log_only',
  'policies:not_enforceable',
  'policies:never_enforced',
  'policies:changed_meanwhile',
  'policies:second_person',
  'policies:log_only_taken',
  'policies:without_replay',
  'policies:replay_without_calls',
  'policies:kept',
  'policies:discarded',
  'policies:not_proposed',
  'policies:own_terms',
  'policies:not_yours',
] as const
export type PolicySetRule = (typeof policySetRules)[number]
/** Why a set is not changed, and what to do. */
export type PolicySetRefusal = { rule: PolicySetRule; message: string }

export const policySetActions = ['edit', 'log_only', 'end_log_only', 'enforce', 'roll_back', 'discard'] as const
export type PolicySetAction = (typeof policySetActions)[number]

export type PolicySetSummary = {
  number: number
  state: PolicySetState
  version: string
  note: string
  /** 'release': its text came with a release of the platform. */
  origin: 'release' | 'person'
  basedOn: number | null
  policies: number
  createdBy: string
  createdAt: string
  changedBy: string
  changedAt: string
  logOnlyAt: string | null
  logOnlyEndedAt: string | null
  enforcedAt: string | null
  enforcedBy: string | null
  supersededAt: string | null
  withoutReplay: string | null
  emptyReplay: string | null
  discardedAt: string | null
  discardedBy: string | null
}

/** A policy of a set: its words and its code, in which set that text first was, and how often it refused in the last 24 hours. */
export type PolicyView = PolicyWords & {
  text: string
  line: number
  since: { number: number; by: string; at: string }
  refused24h: number
}

export type PolicySetDetail = PolicySetSummary & {
  text: string
  rules: PolicyView[]
  warnings: PolicyProblem[]
  /** Why it cannot be used in this release; empty when it can. */
  problems: PolicyProblem[]
  /** The set in force now, and the lines by which this one differs from it. */
  enforced: { number: number; version: string } | null
  diff: string[]
  trial: PolicyTrial
  /** When it was in force, the last time first. */
  periods: { from: string; until: string | null; by: string | null }[]
  /** Why an action is not possible for the person who asks; null: it is. */
  actions: Record<PolicySetAction, PolicySetRefusal | { rule: string; message: string } | null>
}
