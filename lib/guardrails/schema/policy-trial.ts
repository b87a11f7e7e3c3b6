import { z } from 'zod'

/** How long log-only has to last, and how many calls it has to judge, before a set counts as tried. */
export type TrialTerms = { logOnlyMinutes: number; logOnlyCalls: number }
export const trialTermsDefault: TrialTerms = { logOnlyMinutes: 60, logOnlyCalls: 1 }
/** A set that may allow what the one in force refuses is log-only for at least so long and judges so many calls, or a replay decides so many again, whatever the terms say. */
export const looseningTermsMin: TrialTerms = { logOnlyMinutes: 60, logOnlyCalls: 20 }

export const setTrialTermsInput = z.strictObject({
  /** At most 30 days. */
  logOnlyMinutes: z.int().min(0).max(43_200),
  /** What has judged no call has shown nothing. */
  logOnlyCalls: z.int().min(1).max(1_000_000),
})
export type SetTrialTermsInput = z.infer<typeof setTrialTermsInput>

/** Terms below the defaults that wait for a second person. */
export type ProposedTerms = TrialTerms & { by: { id: string; name: string }; at: string }

/** The terms that hold, and who set them; null: nobody has, these are the defaults. `loosening`: the least for a set that may allow what the one in force refuses. */
export type TrialTermsView = TrialTerms & {
  setBy: string | null
  setAt: string | null
  loosening: TrialTerms
  proposed: ProposedTerms | null
}

export const trialOutcomes = ['tried', 'no_calls', 'not_tried'] as const
/** `no_calls`: it was replayed, and the window had no call. */
export type TrialOutcome = (typeof trialOutcomes)[number]

/** How far a text was tried. */
export type PolicyTrial = {
  outcome: TrialOutcome
  /** Of its finished replays the one that decided most calls again. */
  replay: { calls: number; judged: number; from: string; to: string } | null
  /** Its last time in log-only; calls it judged are counted up to how many the terms want. */
  logOnly: { minutes: number; calls: number } | null
  /** What it is tried by: for one that loosens at least the minimum of those. */
  terms: TrialTerms
  /** It may allow what the set in force refuses. */
  loosens: boolean
  /** The same in sentences. */
  says: string[]
}
