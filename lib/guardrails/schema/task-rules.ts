import type { Rule } from '../schema.ts'
import { nobody, platform } from './rule-keepers.ts'

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
  task_not_translated: {
    title: 'Not every task can be carried over between revisions of MCP',
    explanation:
      'The tool runs as a task of 2025-11-25 only, within a session. Its server keeps none, or has not said yet that it has tasks.',
    remedy: 'Call it again in a moment; if it stays so, ask for the server to keep sessions or to speak 2026-07-28.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  task_not_over: {
    title: 'Waiting for a task has a deadline',
    explanation: 'The task went on for longer than an answer may take. It still does.',
    remedy: 'Ask for the result again.',
    setBy: 'Platform',
    changedBy: platform,
  },
} as const satisfies Record<string, Omit<Rule, 'id'>>
