import type { Rule } from '../../schema.ts'
import { holdKeeper } from '../hold-rules.ts'

// Whose rules refuse people, and who changes them.

type Kept = Pick<Rule, 'setBy' | 'changedBy'>

/** What takes two people takes two. */
export const fourEyes: Kept = {
  setBy: 'Platform',
  changedBy: { roles: [], how: 'Nobody lifts it: somebody else does it.' },
}
/** What it was about is not as it was. */
export const overtaken: Kept = {
  setBy: 'Platform',
  changedBy: { roles: [], how: 'Nobody has to: it was overtaken.' },
}
export const platformRule: Kept = {
  setBy: 'Platform',
  changedBy: { roles: ['platform_admin'], how: 'The platform team changes the code of the platform.' },
}
export const approvalRule: Kept = {
  setBy: 'Whoever made the approval rule',
  changedBy: {
    roles: ['security', 'platform_admin'],
    how: 'Change the approval policy; what makes approval easier takes two people.',
  },
}
export const holdRule: Kept = { setBy: 'Whoever made the rule that holds such calls', changedBy: holdKeeper }
export const trialTerms: Kept = {
  setBy: 'Whoever set by what policies are tried',
  changedBy: {
    roles: ['security', 'platform_admin'],
    how: 'Change the terms on the guardrails page; easier ones take two people.',
  },
}
