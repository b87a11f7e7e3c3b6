import { plural } from '#lib/core/count.ts'
import type { PolicyTrial, TrialOutcome, TrialTerms } from '../schema/policy-trial.ts'

export type TrialFacts = Pick<PolicyTrial, 'replay' | 'logOnly' | 'terms'>

/** A replay counts when it decided a call again, log-only when it lasted and judged as the terms want; a window without calls has shown nothing, which is not the same as not having looked. */
export function trialOf(facts: TrialFacts): PolicyTrial {
  return { outcome: outcomeOf(facts), ...facts, says: [replaySays(facts), logOnlySays(facts)] }
}

function outcomeOf({ replay, logOnly, terms }: TrialFacts): TrialOutcome {
  if (replay && replay.judged > 0) return 'tried'
  if (logOnly && lasted(logOnly, terms)) return 'tried'
  return replay?.calls === 0 ? 'no_calls' : 'not_tried'
}

function lasted({ minutes, calls }: NonNullable<TrialFacts['logOnly']>, terms: TrialTerms): boolean {
  return minutes >= terms.logOnlyMinutes && calls >= terms.logOnlyCalls
}

function replaySays({ replay }: TrialFacts): string {
  if (!replay) return 'No recorded calls were replayed with this text.'
  const { calls, judged, from, to } = replay
  if (judged > 0) return `Recorded calls were replayed with this text: ${plural(judged, 'was', 'were')} decided again.`
  if (calls === 0) return `It was replayed, and no call is on record from ${minute(from)} to ${minute(to)} UTC.`
  return `It was replayed, and none of ${plural(calls, 'recorded call')} could be decided again.`
}

function logOnlySays({ logOnly, terms }: TrialFacts): string {
  if (!logOnly) return 'It was never log-only.'
  if (lasted(logOnly, terms)) return 'It was log-only for long enough.'
  const { minutes, calls } = logOnly
  const wanted = `${plural(terms.logOnlyMinutes, 'minute')} and ${plural(terms.logOnlyCalls, 'judged call')}`
  return `It was log-only for ${plural(minutes, 'minute')} and judged ${plural(calls, 'call')}; that counts from ${wanted}.`
}

function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ')
}
