import type { Rule, RuleKeeper } from '../schema.ts'
import { nobody, servers } from './rule-keepers.ts'

const grants: RuleKeeper = {
  roles: ['security'],
  how: 'Approve a scope request with wider conditions or another rate.',
}
const budget: RuleKeeper = {
  roles: ['builder', 'team_lead', 'platform_admin'],
  how: 'Raise the monthly budget of the agent.',
}

/** The rules about one call: the conditions and the rate of its grant, and the month's budget; part of the one table in schema.ts. */
export const callRules = {
  grant_condition: {
    title: 'Only with arguments that fit the grant',
    explanation: 'Every grant of the agent for this tool has conditions on the arguments, and these do not meet them.',
    remedy: 'Call it with arguments that fit, or request a scope with other conditions in the portal.',
    setBy: 'Whoever asked for and approved the grant, with its conditions',
    changedBy: grants,
  },
  grant_rate: {
    title: 'Only as often as the grant says',
    explanation: 'The grant says how many calls a minute or an hour it covers, and so many have been made.',
    remedy: 'Wait as long as the refusal says (retryAfterMs), or request a scope with a higher rate.',
    setBy: 'Whoever asked for and approved the grant, with its rate',
    changedBy: grants,
  },
  rate_unavailable: {
    title: 'The call cannot be counted now',
    explanation:
      'The grant says how often it may be used, and the platform could not count the call. So it is refused: the limit is not reached, the trouble is the platform’s own.',
    remedy: 'Send the call again in a moment; it recovers by itself when the database answers.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  result_marked: {
    title: 'Results that speak to the model are refused here',
    explanation:
      'The answer of the MCP server has marks of prompt injection, and for this server such answers are not passed on. A change may have been carried out all the same.',
    remedy: 'Have a person look at what the server answers.',
    setBy: 'Whoever switched it on for the server',
    changedBy: servers,
  },
  budget_exceeded: {
    title: 'Only within the month’s budget',
    explanation: 'The agent has spent its budget of this calendar month (UTC), so its calls are refused.',
    remedy: 'Wait for the next month, or have the budget raised on the page of the agent.',
    setBy: 'The owner team, else the default of the organization',
    changedBy: budget,
  },
  spending_unknown: {
    title: 'No call that costs while spending is not known',
    explanation:
      'The call costs something, and for minutes nobody has compared what agents have spent with their budgets: whether this one has spent its own is not known. So it is refused; calls that cost nothing go on.',
    remedy: 'Send the call again in a minute; if it is still refused, tell the platform team that no worker runs.',
    setBy: 'Platform',
    changedBy: nobody,
  },
} as const satisfies Record<string, Omit<Rule, 'id'>>
