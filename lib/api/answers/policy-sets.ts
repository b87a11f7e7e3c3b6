import { z } from 'zod'
import {
  type PolicyProblem,
  type PolicySetDetail,
  policySetActions,
  policySetStates,
  type PolicySetSummary,
  type PolicyView,
} from '#lib/guardrails/schema/policy-sets.ts'
import { type PolicyTrial, trialOutcomes, type TrialTermsView } from '#lib/guardrails/schema/policy-trial.ts'
import { differenceKinds } from '#lib/guardrails/schema/replays.ts'
import { trialKinds, type TrialReport, type TrialReports } from '#lib/guardrails/schema/trial-reports.ts'
import { answerOf, count, reference, text, time } from './words.ts'

const number = z.int().min(1)

export const policyProblem = answerOf<PolicyProblem>()(
  z.strictObject({ policyId: text.nullable(), line: z.int(), column: z.int(), message: text, help: text }),
).meta({ id: 'PolicyProblem' })

const summary = {
  number,
  state: z.enum(policySetStates),
  version: text,
  note: text,
  origin: z.enum(['release', 'person']),
  basedOn: number.nullable(),
  policies: count,
  createdBy: text,
  createdAt: time,
  changedBy: text,
  changedAt: time,
  logOnlyAt: time.nullable(),
  logOnlyEndedAt: time.nullable(),
  enforcedAt: time.nullable(),
  enforcedBy: text.nullable(),
  supersededAt: time.nullable(),
  withoutReplay: text.nullable(),
  emptyReplay: text.nullable(),
  discardedAt: time.nullable(),
  discardedBy: text.nullable(),
}

export const policySetSummary = answerOf<PolicySetSummary>()(z.strictObject(summary)).meta({ id: 'PolicySetSummary' })

const policy = answerOf<PolicyView>()(
  z.strictObject({
    id: text,
    effect: z.enum(['permit', 'forbid']),
    title: text,
    explanation: text,
    remedy: text,
    text,
    line: z.int(),
    since: z.strictObject({ number, by: text, at: time }),
    refused24h: count,
  }),
).meta({ id: 'Policy' })

const terms = { logOnlyMinutes: count, logOnlyCalls: count }

export const trialTerms = answerOf<TrialTermsView>()(
  z.strictObject({
    ...terms,
    setBy: text.nullable().meta({ description: 'null: nobody has, these are the defaults' }),
    setAt: time.nullable(),
    loosening: z
      .strictObject(terms)
      .meta({ description: 'At least so for a set that may allow what the one in force refuses' }),
    proposed: z
      .strictObject({ ...terms, by: reference, at: time })
      .nullable()
      .meta({ description: 'Below the defaults: waits for a second person' }),
  }),
).meta({ id: 'PolicyTrialTerms' })

const trial = answerOf<PolicyTrial>()(
  z.strictObject({
    outcome: z.enum(trialOutcomes).meta({ description: 'no_calls: it was replayed, and the window had no call' }),
    replay: z.strictObject({ calls: count, judged: count, from: time, to: time }).nullable(),
    logOnly: z
      .strictObject({ minutes: count, calls: count.meta({ description: 'Counted up to what the terms want' }) })
      .nullable(),
    terms: z.strictObject(terms).meta({ description: 'What it is tried by' }),
    loosens: z.boolean().meta({ description: 'It may allow what the set in force refuses' }),
    says: z.array(text).meta({ description: 'The same in sentences' }),
  }),
)

const whyNot = z.strictObject({ rule: text, message: text }).nullable()
const [edit, logOnly, endLogOnly, enforce, rollBack, discard] = policySetActions

export const policySet = answerOf<PolicySetDetail>()(
  z.strictObject({
    ...summary,
    text,
    rules: z.array(policy),
    warnings: z.array(policyProblem),
    problems: z.array(policyProblem),
    enforced: z.strictObject({ number, version: text }).nullable(),
    diff: z.array(text),
    trial,
    periods: z.array(z.strictObject({ from: time, until: time.nullable(), by: text.nullable() })),
    actions: z.strictObject({
      [edit]: whyNot,
      [logOnly]: whyNot,
      [endLogOnly]: whyNot,
      [enforce]: whyNot,
      [rollBack]: whyNot,
      [discard]: whyNot,
    }),
  }),
).meta({ id: 'PolicySet' })

export const policyCheck = z.strictObject({ problems: z.array(policyProblem), warnings: z.array(policyProblem) })

export const draftedPolicySet = z.strictObject({
  number,
  version: text,
  changed: z.boolean(),
  warnings: z.array(policyProblem),
})

export const enforcedPolicySet = z.strictObject({ number, superseded: number.nullable(), changed: z.boolean() })

const differing = z.strictObject({ calls: count, agents: count })
const trialReport = answerOf<TrialReport>()(
  z.strictObject({
    by: z.enum(trialKinds),
    from: time,
    to: time,
    running: z.boolean().meta({ description: 'It is still log-only: the figures grow' }),
    replayId: text.nullable(),
    calls: count.meta({ description: 'Calls that the policies decided' }),
    judged: count.meta({ description: 'Of these, those it could be asked about' }),
    blocked: differing,
    permitted: differing,
    says: z.array(text),
    rows: z.array(
      z.strictObject({
        kind: z.enum(differenceKinds),
        agentId: text,
        agentName: text.nullable(),
        serverId: text,
        tool: text,
        rule: text,
        refusedBy: text.nullable(),
        calls: count,
        lastAt: time.nullable(),
        lastDecision: text.nullable(),
      }),
    ),
  }),
).meta({ id: 'PolicyTrialReport' })

export const trialReports = answerOf<TrialReports>()(
  z.strictObject({ number, version: text, replay: trialReport.nullable(), logOnly: trialReport.nullable() }),
).meta({ id: 'PolicyTrialReports' })
