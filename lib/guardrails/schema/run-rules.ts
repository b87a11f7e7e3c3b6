import type { Rule, RuleKeeper } from '../schema.ts'
import { nobody, platform } from './rule-keepers.ts'

const template: RuleKeeper = {
  roles: ['platform_admin'],
  how: 'Publish a version of the template with another limit.',
}

/** The rules of launches and runs; part of the one table in schema.ts. */
export const runRules = {
  version_not_bound: {
    title: 'Only versions that are ready at Claude',
    explanation: 'The current version of the agent has not been created at Claude yet, so there is nothing to launch.',
    remedy: 'Wait for its creation to finish, or try it again on the creation page of the agent.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  budget_exhausted: {
    title: 'Only within the month’s budget',
    explanation: 'The agent has spent its budget of this calendar month (UTC).',
    remedy: 'Wait for the next month, or have the budget raised on the page of the agent.',
    setBy: 'The owner team, else the default of the organization',
    changedBy: { roles: ['builder', 'team_lead', 'platform_admin'], how: 'Change the budget of the agent.' },
  },
  run_deadline: {
    title: 'Every run has a deadline',
    explanation: 'The run took longer than its template allows and was interrupted.',
    remedy: 'Give it less to do at once, or have the deadline of the template raised.',
    setBy: 'The template (harness.deadlineMinutes)',
    changedBy: template,
  },
  run_turns: {
    title: 'Every run has a number of turns',
    explanation: 'The run asked the model more often than its template allows and was interrupted.',
    remedy: 'Give it less to do at once, or have the limit of the template raised.',
    setBy: 'The template (harness.turnsMax)',
    changedBy: template,
  },
  run_budget: {
    title: 'Every run has a ceiling of cost',
    explanation: 'The run reached the cost its template allows and was interrupted.',
    remedy: 'Give it less to do at once, or have the ceiling of the template raised.',
    setBy: 'The template (harness.runBudgetMicros)',
    changedBy: template,
  },
  stopped_by_person: {
    title: 'Stopped by a person',
    explanation: 'Somebody stopped this run; its log and the audit log say who and why.',
    remedy: 'Start a new run.',
    setBy: 'Whoever stopped the run',
    changedBy: nobody,
  },
  custom_tool_unknown: {
    title: 'Only tools that the platform answers',
    explanation: 'The agent called a tool of its own that the harness does not know.',
    remedy: 'Use the tools of the template.',
    setBy: 'Platform',
    changedBy: platform,
  },
} as const satisfies Record<string, Omit<Rule, 'id'>>
