import type { Rule, RuleKeeper } from '../schema.ts'
import { nobody } from './rule-keepers.ts'

/** Who changes a rule that holds calls. */
export const holdKeeper: RuleKeeper = {
  roles: ['security', 'platform_admin'],
  how: 'Change the rule that holds such calls on the page of approvals; its end takes two people.',
}

/** The rules of calls that wait for a person; part of the one table in schema.ts. */
export const holdRules = {
  call_rejected: {
    title: 'A person rejected the call',
    explanation: 'The call was held for a person, who looked at it and rejected it with a reason.',
    remedy: 'Do not try the same again: go on without it, or do what the reason asks for.',
    setBy: 'Whoever rejected it',
    changedBy: holdKeeper,
  },
  call_hold_expired: {
    title: 'Nobody decided in time',
    explanation: 'The call was held for a person, and nobody decided about it within the time its rule gives.',
    remedy: 'Ask the people who may decide, then send the call again.',
    setBy: 'Whoever made the rule that holds such calls, with its time',
    changedBy: holdKeeper,
  },
  call_hold_cancelled: {
    title: 'The held call was withdrawn',
    explanation: 'The call was held for a person, and ended before anybody decided: its caller or its run was gone.',
    remedy: 'Send the call again if it is still wanted.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  held_call_altered: {
    title: 'An approval is for exactly one call',
    explanation:
      'What was approved is not what would be carried out: the tool, the agent, the arguments, the policies or the approval changed since, or the approval was used already.',
    remedy: 'Send the call again; it is held again for a person.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  hold_unavailable: {
    title: 'The call cannot be held now',
    explanation: 'The call must wait for a person, and it could not be put where people see it. So it is refused.',
    remedy: 'Try again shortly; it recovers by itself when the database answers.',
    setBy: 'Platform',
    changedBy: nobody,
  },
} as const satisfies Record<string, Omit<Rule, 'id'>>
