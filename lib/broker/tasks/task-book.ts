import type { Ctx } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { UpstreamSession } from '../upstream/request.ts'
import type { BrokeredTask, TaskOrigin } from './task-ids.ts'

/** Whose tasks, and at which server. */
export type TaskOwner = Pick<TaskOrigin, 'agentId' | 'runId' | 'serverId' | 'url'>

/** A task that is not known to be over. */
export type OpenTask = Pick<TaskOrigin, 'serverId' | 'tool' | 'grantId'> & {
  key: string
  taskId: string
  caller: Caller
  /** Whether its run was stopped, rather than having come to its end. */
  runStopped: boolean
}

/** The session that was a task's alone; `open` rejects when it cannot be known any more. */
export type LeftSession = { serverId: string; agentId: string; open: () => Promise<UpstreamSession> }

/** `ttlMs`: how long the server keeps it; anything but a number is for ever. */
type Noted = { caller: Caller; ttlMs: unknown; session: UpstreamSession | null; owned?: boolean }
type Late = { task: BrokeredTask; about: Noted & { begunAt: Date; overAt?: Date } }

/** Where a task is among those of its agent. */
export type TaskPlace = { begunAt: number; key: string }

/** A server may keep a task for ever; its name is kept so long. */
const keptMsMax = 30 * 86_400_000
/** How long a task that is over can be looked at, where its session is its own. */
export const keptOverMs = 600_000
/** A task that was cancelled and is not over is taken up again after so long, each time after twice as long. */
const againSeconds = { first: 15, longest: 600 }
/** Tasks of whoever is stopped that are looked at in one go, and all others: those come round, some each time. */
const urgentMax = 1000
const roundMax = 500
const endedAtOnce = 50
/** What could not be noted is tried again so often, and so many at one replica. */
const againMs = 2000
const lateMax = 1000
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
  /** By key, the ids of those that begin at this replica and are not noted yet. */
  readonly #begun = new Map<string, Promise<string | null>>()
  /** Those that could not be noted as they began, by key. */
  readonly #late = new Map<string, Late>()
  #again: NodeJS.Timeout | undefined
  #isNoting = false
  #reached = ''

  constructor(ctx: () => Ctx, box: SecretBox) {
    this.#ctx = ctx
    this.#box = box
  }

  /**
   * Until the function it returns is called, its owner is told of the task under the id it is being given, though it is not noted: a server may say something of a task as soon as it has begun
   * it.
   */
  begin(owner: TaskOwner, upstreamId: string, naming: Promise<Pick<BrokeredTask, 'id'>>): () => void {
    const key = keyOf(owner, upstreamId)
    const name = naming.then(
      ({ id }) => id,
      () => null,
    )
    this.#begun.set(key, name)
    return () => {
      if (this.#begun.get(key) === name) this.#begun.delete(key)
    }
  }

  async note(task: BrokeredTask, about: Noted): Promise<void> {
    await this.#note(task, { ...about, begunAt: this.#ctx().now })
  }

  /** Notes it as soon as that is possible: until then only this replica knows of it. False: of so many that one more is not kept. */
  noteLater(task: BrokeredTask, about: Noted): boolean {
    if (this.#late.size >= lateMax) return false
    this.#late.set(keyOf(task, task.upstreamId), { task, about: { ...about, begunAt: this.#ctx().now } })
    this.#again ??= setInterval(() => void this.#noteLate(), againMs)
    return true
  }

  /** Tries once more. */
  async stop(): Promise<void> {
    clearInterval(this.#again)
    await this.#noteLate()
  }

  async #noteLate(): Promise<void> {
    if (this.#isNoting) return
    this.#isNoting = true
    try {
      for (const [key, { task, about }] of this.#late) {
        await this.#note(task, about)
        this.#late.delete(key)
      }
      clearInterval(this.#again)
      this.#again = undefined
    } catch {
      // The next time.
    } finally {
      this.#isNoting = false
    }
  }

  async #note(task: BrokeredTask, about: Late['about']): Promise<void> {
    const { caller, ttlMs, session, owned = false, begunAt, overAt } = about
    const { db, now } = this.#ctx()
    const keptMs = typeof ttlMs === 'number' && ttlMs >= 0 ? Math.min(ttlMs, keptMsMax) : keptMsMax
    const key = keyOf(task, task.upstreamId)
    // A session that nobody else would end is ended first.
    const rest = [{ ownsSession: false }, { session: null }]
    await db.brokeredTask.deleteMany({ where: { expiresAt: { lt: now }, OR: rest } })
    const { id: taskId, agentId, runId, serverId, tool, grantId } = task
    const data = {
      taskId,
      agentId,
      runId,
      serverId,
      tool,
      grantId,
      agentVersion: caller.version,
      revocableAs: [...(caller.revocableAs ?? [])],
      session: session && (await this.#box.seal(JSON.stringify(session), sealContexts.mcpTaskSession(key))),
      ownsSession: owned,
      expiresAt: new Date(begunAt.getTime() + keptMs),
      ...(overAt ? { overAt } : {}),
    }
    await db.brokeredTask.upsert({ where: { key }, create: { key, begunAt, ...data }, update: data })
  }

  /** Its server has said that it is over. */
  async over(task: BrokeredTask): Promise<void> {
    const { db, now } = this.#ctx()
    const late = this.#late.get(keyOf(task, task.upstreamId))
    if (late) late.about.overAt = now
    await db.brokeredTask.updateMany({
      where: { key: keyOf(task, task.upstreamId), overAt: null },
      data: { overAt: now },
    })
  }

  /** The ids of those that are the owner's, by the server's. */
  async names(owner: TaskOwner, upstreamIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>()
    const keys = new Map<string, string>()
    for (const upstreamId of upstreamIds) {
      const key = keyOf(owner, upstreamId)
      const name = (await this.#begun.get(key)) ?? this.#late.get(key)?.task.id
      if (name) names.set(upstreamId, name)
      else keys.set(key, upstreamId)
    }
    if (keys.size === 0) return names
    const select = { key: true, taskId: true }
    const rows = await this.#ctx().db.brokeredTask.findMany({ where: { key: { in: [...keys.keys()] } }, select })
    for (const { key, taskId } of rows) names.set(keys.get(key)!, taskId)
    return names
  }

  /** Those of an agent in a run in the order they began, after a place in it; of one server, or of all. What its server may have forgotten is not among them. */
  async page(
    { agentId, runId }: Pick<TaskOrigin, 'agentId' | 'runId'>,
    { serverId, after, max }: { serverId: string | null; after: TaskPlace | null; max: number },
  ): Promise<(TaskPlace & { taskId: string })[]> {
    const { db, now } = this.#ctx()
    const later = after && [
      { begunAt: { gt: new Date(after.begunAt) } },
      { begunAt: new Date(after.begunAt), key: { gt: after.key } },
    ]
    const rows = await db.brokeredTask.findMany({
      where: {
        agentId,
        runId,
        expiresAt: { gt: now },
        ...(serverId === null ? {} : { serverId }),
        ...(later ? { OR: later } : {}),
      },
      orderBy: [{ begunAt: 'asc' }, { key: 'asc' }],
      take: max,
      select: { key: true, taskId: true, begunAt: true },
    })
    return rows.map(({ begunAt, ...row }) => ({ ...row, begunAt: begunAt.getTime() }))
  }

  /**
   * Tasks that may have to be cancelled: not over, and nobody is at it. First those that a stop order covers, or of an agent or run that is not active any more; then some of all
   * others, further on each time.
   */
  async open(): Promise<OpenTask[]> {
    // Tried for another reason before, it is a stop's from now on.
    const free = Prisma.sql`(${isFree(this.#ctx().now)} or t."cancelRule" <> 'killed')`
    const urgent = await this.#select(Prisma.sql`${free} and ${ofStopped}`, urgentMax)
    const others = Prisma.sql`${isFree(this.#ctx().now)} and t."key" > ${this.#reached}`
    const round = await this.#select(others, roundMax)
    this.#reached = round.length < roundMax ? '' : round.at(-1)!.key
    const known = new Set(urgent.map(({ key }) => key))
    return [...urgent, ...round.filter(({ key }) => !known.has(key))]
  }

  /** Takes it upon this broker to cancel a task; which try that is, null when another broker is at it, or it is over. `rule`: why; another one than before begins anew. */
  async claim({ key }: OpenTask, rule: string): Promise<number | null> {
    const { db, now } = this.#ctx()
    const [claimed] = await db.$queryRaw<{ tries: number }[]>`
      update "BrokeredTask" t set "cancelledAt" = ${now}, "cancelRule" = ${rule},
        "cancelTries" = case when t."cancelRule" is distinct from ${rule} then 1 else t."cancelTries" + 1 end
      where t."key" = ${key} and t."overAt" is null and (${isFree(now)} or t."cancelRule" is distinct from ${rule})
      returning t."cancelTries" as "tries"`
    return claimed?.tries ?? null
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

  /** The sessions of tasks that nobody looks at any more, each to one broker: which ends it. */
  async leftSessions(): Promise<LeftSession[]> {
    const { db, now } = this.#ctx()
    const rows = await db.$queryRaw<{ key: string; serverId: string; agentId: string; session: Uint8Array }[]>`
      with ended as (
        select "key", "serverId", "agentId", "session" from "BrokeredTask"
        where "ownsSession" and "session" is not null
          and ("expiresAt" < ${now} or "overAt" < ${new Date(now.getTime() - keptOverMs)})
        limit ${endedAtOnce} for update skip locked)
      update "BrokeredTask" t set "session" = null from ended
      where t."key" = ended."key" returning ended."key", ended."serverId", ended."agentId", ended."session"`
    return rows.map(({ key, session, ...row }) => ({
      ...row,
      open: async () => JSON.parse(await this.#box.open(session, sealContexts.mcpTaskSession(key))) as UpstreamSession,
    }))
  }

  async #select(condition: Prisma.Sql, limit: number): Promise<OpenTask[]> {
    const { db, now } = this.#ctx()
    const rows = await db.$queryRaw<(Omit<OpenTask, 'caller'> & Omit<Caller, 'version'> & { version: number })[]>`
      select t."key", t."taskId", t."agentId", t."agentVersion" as "version", t."runId"::text, t."serverId", t."tool", coalesce(t."grantId", '') as "grantId",
        t."revocableAs", coalesce(r."state" in ('stopping', 'stopped'), false) as "runStopped"
      from "BrokeredTask" t left join "Run" r on r."id" = t."runId"
      where t."overAt" is null and t."expiresAt" > ${now} and t."agentId" is not null and ${condition}
      order by t."key" limit ${limit}`
    return rows.map(({ agentId, version, runId, revocableAs, ...task }) => ({
      ...task,
      caller: { agentId, version, runId, ...(revocableAs ? { revocableAs } : {}) },
    }))
  }
}

/** SQL over `t` and its run `r`: of an agent or run that is not active any more, or covered by a stop order. */
const ofStopped = Prisma.sql`(r."state" in ('stopping', 'stopped')
  or exists (select from "Agent" a where a."id" = t."agentId" and a."status" <> 'active')
  or exists (select from "StopOrder" o where o."releasedAt" is null and case o."scope"::text
    when 'agent' then t."agentId" = o."targetId"
    when 'server' then t."serverId" = o."targetId"
    when 'tool' then t."serverId" || '/' || t."tool" = o."targetId"
    when 'team' then exists (select from "Agent" a where a."id" = t."agentId" and a."ownerTeamId" = o."targetId")
    else true end))`

/** SQL over the alias `t`: nobody is cancelling it, or it is time to try again. */
function isFree(now: Date): Prisma.Sql {
  const { first, longest } = againSeconds
  return Prisma.sql`(t."cancelledAt" is null
    or t."cancelledAt" < ${now}::timestamptz - make_interval(secs => least(${longest}::float8, ${first}::float8 * power(2, greatest(t."cancelTries" - 1, 0)))))`
}

function keyOf({ agentId, runId, serverId, url }: TaskOwner, upstreamId: string): string {
  return digestOf([agentId, runId, serverId, url, upstreamId])
}
