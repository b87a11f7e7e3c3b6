import type { Rule, RuleKeeper } from '../schema.ts'

const nobody: RuleKeeper = { roles: [], how: 'Nobody can lift it: it is how the platform fails closed.' }

/** The rules of tasks; part of the one table in schema.ts. */
export const taskRules = {
  task_unknown: {
    title: 'Only tasks that were begun here',
    explanation: 'The broker gave out no task of this id for this server, or the server has another address since.',
    remedy: 'Use the id exactly as the call that began the task was answered, at the address that was called.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  task_not_yours: {
    title: "Only one's own tasks",
    explanation: 'The task was begun by another agent, or in another run of this one. Its id is of use there only.',
    remedy: 'Call the tool again in this run.',
    setBy: 'Platform',
    changedBy: nobody,
  },
} as const satisfies Record<string, Omit<Rule, 'id'>>
