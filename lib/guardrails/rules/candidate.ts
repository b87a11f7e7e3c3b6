import type { RuleId } from '../schema.ts'
import type { PolicyQuestion, PolicySet } from './policy-set.ts'

/** What the set in log-only would have decided, where that is not what was decided: the policy that would refuse, or null when it would be permitted. `unread`: it could not be asked. */
export type CandidateVerdict = { version: string; rule: RuleId | null; unread?: true }

/** Undefined without a set in log-only, and where both permit or both refuse. Whatever happens with it, it is no part of what becomes of the call. */
export function candidateVerdict(
  candidate: PolicySet | null | undefined,
  question: PolicyQuestion,
  decided: RuleId | null,
): CandidateVerdict | undefined {
  if (!candidate) return undefined
  const { version } = candidate
  try {
    const rule = candidate.problem === null ? candidate.judge(question) : null
    // Asking it may have been what broke it.
    if (candidate.problem !== null) return { version, rule: null, unread: true }
    return (rule === null) === (decided === null) ? undefined : { version, rule }
  } catch {
    return { version, rule: null, unread: true }
  }
}
