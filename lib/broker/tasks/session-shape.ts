import { z } from 'zod'
import { UpstreamFailure } from '../upstream/failure.ts'
import { isOver, keptOverMs } from './task-book.ts'
import { upstreamIdMax } from './task-ids.ts'

// A task of 2026-07-28 in the words of 2025-11-25, and the other way round.

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

const sessionState = z.looseObject({
  taskId: z.string().min(1).max(upstreamIdMax),
  status: z.string().max(100),
  statusMessage: z.string().optional(),
  createdAt: z.string().optional(),
  lastUpdatedAt: z.string().optional(),
  ttl: z.number().nullish(),
  pollInterval: z.number().nonnegative().optional(),
})

/** The task that a call in a session has begun. */
export function handleOf({ task }: Record<string, unknown>): z.infer<typeof sessionState> {
  return sessionStateOf(task)
}

/** A task of a session as agents of 2026-07-28 are shown one, without what has come of it. */
export function modernTask(content: Record<string, unknown>, taskId: string): Record<string, unknown> {
  const { status, statusMessage, createdAt, lastUpdatedAt, ttl, pollInterval } = sessionStateOf(content)
  const now = new Date().toISOString()
  const begunAt = createdAt ?? now
  const changedAt = lastUpdatedAt ?? begunAt
  return {
    taskId,
    status,
    ...(statusMessage === undefined ? {} : { statusMessage }),
    createdAt: begunAt,
    lastUpdatedAt: changedAt,
    ttlMs: isOver(status) ? keptFrom(begunAt, changedAt, ttl ?? null) : (ttl ?? null),
    ...(pollInterval === undefined ? {} : { pollIntervalMs: pollInterval }),
  }
}

/** From when a task began until its session is ended, once it is over. */
function keptFrom(begunAt: string, overAt: string, ttl: number | null): number | null {
  const kept = Date.parse(overAt) - Date.parse(begunAt) + keptOverMs
  return Number.isFinite(kept) && kept >= 0 ? Math.min(kept, ttl ?? kept) : ttl
}

function sessionStateOf(content: unknown): z.infer<typeof sessionState> {
  const parsed = sessionState.safeParse(content)
  if (parsed.success) return parsed.data
  throw new UpstreamFailure('malformed', 'it says how a task is in a way MCP does not know')
}

/** How the server says that a task is. */
export function stateOf(content: Record<string, unknown>): TaskState {
  const parsed = taskState.safeParse(content)
  if (parsed.success) return parsed.data
  throw new UpstreamFailure('malformed', 'it says how a task is in a way MCP does not know')
}
