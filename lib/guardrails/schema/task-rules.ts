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
      'The tool runs as a task of 2025-11-25 only. There the client asks for the task within a session; an agent of 2026-07-28, where the server decides, and the merged address have none.',
    remedy:
      'Call it with a client of 2025-11-25 at the address of its server, or ask for the server to speak 2026-07-28.',
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
