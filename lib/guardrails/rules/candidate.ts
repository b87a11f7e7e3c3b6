import type { RuleId } from '../schema.ts'
import type { PolicyQuestion, PolicySet } from './policy-set.ts'

/** What the set in log-only would have decided, where that is not what was decided: the policy that would refuse, or null when it would be permitted. */
export type CandidateVerdict = { version: string; rule: RuleId | null }

/** Undefined without a set in log-only, and where both permit or both refuse. One that this release cannot read has no verdict. */
export function candidateVerdict(
  candidate: PolicySet | null | undefined,
  question: PolicyQuestion,
  decided: RuleId | null,
): CandidateVerdict | undefined {
  if (!candidate || candidate.problem !== null) return undefined
  const rule = candidate.judge(question)
  return (rule === null) === (decided === null) ? undefined : { version: candidate.version, rule }
}
