import type { Ctx } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import type { BrokeredTask, TaskOrigin } from './task-ids.ts'

/** Whose tasks, and at which server. */
export type TaskOwner = Pick<TaskOrigin, 'agentId' | 'runId' | 'serverId' | 'url'>

/** A server may keep a task for ever; its name is kept so long. */
const keptMsMax = 30 * 86_400_000

/**
 * Under which ids agents know the tasks of servers of 2025-11-25, since those list tasks and tell of them by their own ids. A row is found with its owner only. What is asked
 * about a task needs none.
 */
export class TaskBook {
  readonly #ctx: () => Ctx

  constructor(ctx: () => Ctx) {
    this.#ctx = ctx
  }

  /** `ttlMs`: how long the server keeps it; anything but a number is for ever. */
  async note(task: BrokeredTask, ttlMs: unknown): Promise<void> {
    const { db, now } = this.#ctx()
    const keptMs = typeof ttlMs === 'number' && ttlMs >= 0 ? Math.min(ttlMs, keptMsMax) : keptMsMax
    const expiresAt = new Date(now.getTime() + keptMs)
    const key = keyOf(task, task.upstreamId)
    await db.brokeredTask.deleteMany({ where: { expiresAt: { lt: now } } })
    const data = { taskId: task.id, expiresAt }
    await db.brokeredTask.upsert({ where: { key }, create: { key, ...data }, update: data })
  }

  /** The ids of those that are the owner's, by the server's. */
  async names(owner: TaskOwner, upstreamIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const keys = new Map(upstreamIds.map((id) => [keyOf(owner, id), id]))
    const select = { key: true, taskId: true }
    const rows = await this.#ctx().db.brokeredTask.findMany({ where: { key: { in: [...keys.keys()] } }, select })
    return new Map(rows.map(({ key, taskId }) => [keys.get(key)!, taskId]))
  }
}

function keyOf({ agentId, runId, serverId, url }: TaskOwner, upstreamId: string): string {
  return digestOf([agentId, runId, serverId, url, upstreamId])
}
