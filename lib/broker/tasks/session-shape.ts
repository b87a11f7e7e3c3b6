import { z } from 'zod'
import { UpstreamFailure } from '../upstream/failure.ts'

// A task of 2026-07-28 in the words of 2025-11-25.

const taskState = z.looseObject({
  status: z.string().max(100),
  statusMessage: z.string().optional(),
  createdAt: z.string().optional(),
  lastUpdatedAt: z.string().optional(),
  ttlMs: z.number().nullish(),
  pollIntervalMs: z.number().nonnegative().optional(),
})
type TaskState = z.infer<typeof taskState>

/** A task as sessions show it: neither its result nor what it asks is in it. */
export function sessionTask(content: Record<string, unknown>, taskId: string): Record<string, unknown> {
  const { status, statusMessage, createdAt, lastUpdatedAt, ttlMs, pollIntervalMs } = stateOf(content)
  const now = new Date().toISOString()
  return {
    taskId,
    status,
    ...(statusMessage === undefined ? {} : { statusMessage }),
    createdAt: createdAt ?? now,
    lastUpdatedAt: lastUpdatedAt ?? createdAt ?? now,
    ttl: ttlMs ?? null,
    ...(pollIntervalMs === undefined ? {} : { pollInterval: pollIntervalMs }),
  }
}

/** A handle of 2026-07-28 as the result of a call that asked for a task. */
export function createdTask(content: Record<string, unknown>, taskId: string): Record<string, unknown> {
  return { task: sessionTask(content, taskId) }
}

/** How the server says that a task is. */
export function stateOf(content: Record<string, unknown>): TaskState {
  const parsed = taskState.safeParse(content)
  if (parsed.success) return parsed.data
  throw new UpstreamFailure('malformed', 'it says how a task is in a way MCP does not know')
}
