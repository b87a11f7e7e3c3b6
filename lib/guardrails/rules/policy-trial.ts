import { plural } from '#lib/core/count.ts'
import { stillWaits } from '#lib/core/second-person.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { PolicySetRefusal } from '../schema/policy-sets.ts'
import {
  looseningTermsMin,
  type PolicyTrial,
  type TrialOutcome,
  type TrialTerms,
  trialTermsDefault,
} from '../schema/policy-trial.ts'

export type TrialFacts = Pick<PolicyTrial, 'replay' | 'logOnly' | 'terms' | 'loosens'>

/** A replay counts when it decided a call again, of a set that may allow more as many as the minimum of those; log-only when it lasted and judged as the terms want; a window without calls has shown nothing, which is not the same as not having looked. */
export function trialOf(facts: TrialFacts): PolicyTrial {
  return { outcome: outcomeOf(facts), ...facts, says: [replaySays(facts), logOnlySays(facts)] }
}

function outcomeOf({ replay, logOnly, terms, loosens }: TrialFacts): TrialOutcome {
  if (replay && replay.judged >= judgedMin(loosens)) return 'tried'
  if (logOnly && lasted(logOnly, terms)) return 'tried'
  return replay?.calls === 0 ? 'no_calls' : 'not_tried'
}

function judgedMin(loosens: boolean): number {
  return loosens ? looseningTermsMin.logOnlyCalls : 1
}

function lasted({ minutes, calls }: NonNullable<TrialFacts['logOnly']>, terms: TrialTerms): boolean {
  return minutes >= terms.logOnlyMinutes && calls >= terms.logOnlyCalls
}

function replaySays({ replay, loosens }: TrialFacts): string {
  if (!replay) return 'No recorded calls were replayed with this text.'
  const { calls, judged, from, to } = replay
  if (judged > 0) {
    const wanted =
      judged < judgedMin(loosens)
        ? `; that counts from ${judgedMin(loosens)}, because it may allow what the set in force refuses`
        : ''
    return `Recorded calls were replayed with this text: ${plural(judged, 'was', 'were')} decided again${wanted}.`
  }
  if (calls === 0) return `It was replayed, and no call is on record from ${minute(from)} to ${minute(to)} UTC.`
  return `It was replayed, and none of ${plural(calls, 'recorded call')} could be decided again.`
}

function logOnlySays({ logOnly, terms, loosens }: TrialFacts): string {
  if (!logOnly) return 'It was never log-only.'
  if (lasted(logOnly, terms)) return 'It was log-only for long enough.'
  const { minutes, calls } = logOnly
  const wanted = `${plural(terms.logOnlyMinutes, 'minute')} and ${plural(terms.logOnlyCalls, 'judged call')}`
  return `It was log-only for ${plural(minutes, 'minute')} and judged ${plural(calls, 'call')}; that counts from ${wanted}${loosens ? ', because it may allow what the set in force refuses' : ''}.`
}

/** What a set is tried by: one that may allow what the set in force refuses by no less than the minimum of those. */
export function termsFor({ terms, loosens }: { terms: TrialTerms; loosens: boolean }): TrialTerms {
  if (!loosens) return terms
  return {
    logOnlyMinutes: Math.max(terms.logOnlyMinutes, looseningTermsMin.logOnlyMinutes),
    logOnlyCalls: Math.max(terms.logOnlyCalls, looseningTermsMin.logOnlyCalls),
  }
}

/** Whether it makes trying easier than the defaults do: then it takes a second person. What raises one and lowers the other does, too. */
export function easesTrial(after: TrialTerms, before: TrialTerms): boolean {
  return (['logOnlyMinutes', 'logOnlyCalls'] as const).some(
    (each) => after[each] < before[each] && after[each] < trialTermsDefault[each],
  )
}

type Proposed = TrialTerms & { proposedById: string; proposedByName: string; proposedAt: Date }

/** Nobody confirms what they proposed, nor terms by which their own text is tried just now; and only what was read and still waits. */
export function decideTermsConfirmation(
  proposed: Proposed | null,
  {
    person,
    read,
    triedAuthorIds,
    now,
  }: { person: string; read: TrialTerms; triedAuthorIds: readonly string[]; now: Date },
): Result<Proposed, PolicySetRefusal> {
  const same = proposed?.logOnlyMinutes === read.logOnlyMinutes && proposed.logOnlyCalls === read.logOnlyCalls
  if (!proposed || !same || !stillWaits(proposed.proposedAt, now)) {
    return refuse(
      'policies:not_proposed',
      'This is not proposed, or not any more: somebody decided or changed it in the meantime, or a week has passed.',
    )
  }
  if (proposed.proposedById === person) {
    return refuse(
      'policies:own_terms',
      'You proposed these terms, and they make trying easier, so somebody else confirms them.',
    )
  }
  if (triedAuthorIds.includes(person)) {
    return refuse(
      'policies:own_terms',
      'You wrote the text that is log-only now, so somebody else says by what it is tried.',
    )
  }
  return ok(proposed)
}

export function decideTermsWithdrawal(
  proposed: Proposed | null,
  { person, now }: { person: string; now: Date },
): Result<Proposed, PolicySetRefusal> {
  if (!proposed || !stillWaits(proposed.proposedAt, now))
    return refuse('policies:not_proposed', 'No terms are proposed, or not any more.')
  if (proposed.proposedById === person) return ok(proposed)
  return refuse('policies:not_yours', `${proposed.proposedByName} proposed these terms, and takes them back.`)
}

function refuse(rule: PolicySetRefusal['rule'], message: string): { ok: false; error: PolicySetRefusal } {
  return err({ rule, message })
}

function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ')
}
