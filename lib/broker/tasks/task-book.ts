import type { Ctx } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { UpstreamSession } from '../upstream/connection.ts'
import type { BrokeredTask, TaskOrigin } from './task-ids.ts'

/** Whose tasks, and at which server. */
export type TaskOwner = Pick<TaskOrigin, 'agentId' | 'runId' | 'serverId' | 'url'>

/** A task that is not known to be over. */
export type OpenTask = {
  key: string
  taskId: string
  tool: string
  serverId: string
  caller: Caller
  tries: number
  /** Whether its run was stopped, rather than having come to its end. */
  runStopped: boolean
}

/** A server may keep a task for ever; its name is kept so long. */
const keptMsMax = 30 * 86_400_000
/** A broker that is cancelling a task is given so long before another one tries. */
const cancellingMs = 15_000
const triesMax = 5
const openMax = 1000
const overStates: ReadonlySet<unknown> = new Set(['completed', 'failed', 'cancelled'])

/** Whether a task of this status does nothing any more. */
export function isOver(status: unknown): boolean {
  return overStates.has(status)
}

/**
 * The tasks that go on at servers. Those of 2025-11-25 list them and tell of them by their own ids: here is under which ids agents know them. And whoever stops an agent stops its
 * tasks: here is which there are. A row is found with its owner only. What an agent asks about a task needs none.
 */
export class TaskBook {
  readonly #ctx: () => Ctx
  readonly #box: SecretBox

  constructor(ctx: () => Ctx, box: SecretBox) {
    this.#ctx = ctx
    this.#box = box
  }

  /** `ttlMs`: how long the server keeps it; anything but a number is for ever. */
  async note(
    task: BrokeredTask,
    { caller, ttlMs, session }: { caller: Caller; ttlMs: unknown; session: UpstreamSession | null },
  ): Promise<void> {
    const { db, now } = this.#ctx()
    const keptMs = typeof ttlMs === 'number' && ttlMs >= 0 ? Math.min(ttlMs, keptMsMax) : keptMsMax
    const key = keyOf(task, task.upstreamId)
    await db.brokeredTask.deleteMany({ where: { expiresAt: { lt: now } } })
    const { id: taskId, agentId, runId, serverId, tool } = task
    const data = {
      taskId,
      agentId,
      runId,
      serverId,
      tool,
      agentVersion: caller.version,
      revocableAs: [...(caller.revocableAs ?? [])],
      session: session && (await this.#box.seal(JSON.stringify(session), sealContexts.mcpTaskSession(key))),
      expiresAt: new Date(now.getTime() + keptMs),
    }
    await db.brokeredTask.upsert({ where: { key }, create: { key, ...data }, update: data })
  }

  /** Its server has said that it is over. */
  async over(task: BrokeredTask): Promise<void> {
    const { db, now } = this.#ctx()
    await db.brokeredTask.updateMany({
      where: { key: keyOf(task, task.upstreamId), overAt: null },
      data: { overAt: now },
    })
  }

  /** The ids of those that are the owner's, by the server's. */
  async names(owner: TaskOwner, upstreamIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const keys = new Map(upstreamIds.map((id) => [keyOf(owner, id), id]))
    const select = { key: true, taskId: true }
    const rows = await this.#ctx().db.brokeredTask.findMany({ where: { key: { in: [...keys.keys()] } }, select })
    return new Map(rows.map(({ key, taskId }) => [keys.get(key)!, taskId]))
  }

  /** Tasks that may have to be cancelled: not over, and nobody is at it. */
  async open(): Promise<OpenTask[]> {
    const { db, now } = this.#ctx()
    const rows = await db.brokeredTask.findMany({
      where: { overAt: null, expiresAt: { gt: now }, agentId: { not: null }, ...this.#free(now) },
      orderBy: { key: 'asc' },
      take: openMax,
    })
    const runIds = rows.flatMap(({ runId }) => runId ?? [])
    const stopped = runIds.length === 0 ? [] : await stoppedRuns(db, runIds)
    return rows.map(({ key, taskId, agentId, agentVersion, runId, serverId, tool, revocableAs, cancelTries }) => ({
      key,
      taskId,
      tool: tool!,
      serverId: serverId!,
      caller: { agentId: agentId!, version: agentVersion!, runId, revocableAs },
      tries: cancelTries,
      runStopped: runId !== null && stopped.includes(runId),
    }))
  }

  /** Takes it upon this broker to cancel a task; false when another one has, or it is over. */
  async claim({ key }: OpenTask, rule: string): Promise<boolean> {
    const { db, now } = this.#ctx()
    const { count } = await db.brokeredTask.updateMany({
      where: { key, overAt: null, ...this.#free(now) },
      data: { cancelRule: rule, cancelledAt: now, cancelTries: { increment: 1 } },
    })
    return count === 1
  }

  async cancelled({ key }: OpenTask, outcome: 'cancelled' | 'over' | 'unconfirmed'): Promise<void> {
    const { db, now } = this.#ctx()
    const over = outcome === 'unconfirmed' ? {} : { overAt: now }
    await db.brokeredTask.update({ where: { key }, data: { cancelOutcome: outcome, ...over } })
  }

  /** Its own session at the server; null when it has none. */
  async sessionOf({ key }: OpenTask): Promise<UpstreamSession | null> {
    const row = await this.#ctx().db.brokeredTask.findUnique({ where: { key }, select: { session: true } })
    if (!row?.session) return null
    return JSON.parse(await this.#box.open(row.session, sealContexts.mcpTaskSession(key))) as UpstreamSession
  }

  #free(now: Date) {
    const since = new Date(now.getTime() - cancellingMs)
    return { cancelTries: { lt: triesMax }, OR: [{ cancelledAt: null }, { cancelledAt: { lt: since } }] }
  }
}

async function stoppedRuns(db: Ctx['db'], ids: string[]): Promise<string[]> {
  const rows = await db.run.findMany({
    where: { id: { in: ids }, state: { in: ['stopping', 'stopped'] } },
    select: { id: true },
  })
  return rows.map(({ id }) => id)
}

function keyOf({ agentId, runId, serverId, url }: TaskOwner, upstreamId: string): string {
  return digestOf([agentId, runId, serverId, url, upstreamId])
}
