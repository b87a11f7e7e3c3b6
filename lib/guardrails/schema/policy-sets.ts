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
