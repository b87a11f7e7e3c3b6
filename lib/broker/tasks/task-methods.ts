import type { Era } from '../wire.ts'

/** The extension of 2026-07-28. */
export const tasksExtension = 'io.modelcontextprotocol/tasks'

/** What MCP answers to a client that has not said that it can do what is needed. */
export const missingCapabilityCode = -32021

/** The methods of tasks and who knows them: the extension of 2026-07-28, and 2025-11-25, where they were part of the revision. */
const taskMethods = {
  'tasks/get': ['modern', 'legacy'],
  'tasks/update': ['modern'],
  'tasks/result': ['legacy'],
  'tasks/cancel': ['modern', 'legacy'],
  'tasks/list': ['legacy'],
} as const satisfies Record<string, readonly Era[]>
export type TaskMethod = keyof typeof taskMethods

export function isTaskMethod(method: unknown): method is TaskMethod {
  return typeof method === 'string' && Object.hasOwn(taskMethods, method)
}

export function isOfEra(method: TaskMethod, era: Era): boolean {
  return (taskMethods[method] as readonly Era[]).includes(era)
}
