import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import { parseExactly } from '#lib/core/exact-json.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Ask } from '../conversation/asks.ts'
import type { BrokeredTask } from './task-ids.ts'

const content = z.object({ upstreamId: z.union([z.string(), z.number()]), method: z.string(), params: z.unknown() })

/** A question of a task: `upstreamId` is what its server waits for. */
export type TaskAsk = { id: string; upstreamId: string | number; ask: Ask }

/** What tasks at servers of 2025-11-25 ask of agents that have no session: shown and answered, once, at whichever replica. */
export class TaskAsks {
  readonly #ctx: () => Ctx
  readonly #box: SecretBox

  constructor(ctx: () => Ctx, box: SecretBox) {
    this.#ctx = ctx
    this.#box = box
  }

  async note(task: BrokeredTask, { upstreamId, ask }: Omit<TaskAsk, 'id'>, ms: number): Promise<string> {
    const id = randomUUID()
    const text = JSON.stringify({ upstreamId, method: ask.method, params: ask.params ?? {} })
    const sealed = new Uint8Array(await this.#box.seal(text, sealContexts.mcpTaskAsk(id)))
    await this.#ctx().db.$executeRaw`
      with old as (delete from "McpTaskAsk" where "expiresAt" < now())
      insert into "McpTaskAsk" ("id", "task", "ask", "expiresAt")
      values (${id}::uuid, ${digestOf(task.id)}, ${sealed}, now() + ${ms} * interval '1 millisecond')`
    return id
  }

  /** What nobody has answered. */
  async open(task: BrokeredTask): Promise<TaskAsk[]> {
    const { db, now } = this.#ctx()
    const where = { task: digestOf(task.id), answeredAt: null, expiresAt: { gt: now } }
    const rows = await db.mcpTaskAsk.findMany({ where, select: { id: true, ask: true }, orderBy: { id: 'asc' } })
    return await Promise.all(rows.map((row) => this.#read(row)))
  }

  /** Of several answers the first one has it; null for any other, and for what was not asked. */
  async claim(task: BrokeredTask, id: string): Promise<TaskAsk | null> {
    if (!z.uuid().safeParse(id).success) return null
    const rows = await this.#ctx().db.$queryRaw<{ id: string; ask: Uint8Array }[]>`
      update "McpTaskAsk" set "answeredAt" = now()
      where "id" = ${id}::uuid and "task" = ${digestOf(task.id)} and "answeredAt" is null and "expiresAt" > now()
      returning "id"::text, "ask"`
    return rows[0] ? await this.#read(rows[0]) : null
  }

  /** The answer could not be taken to the server: it may be sent again. */
  async giveBack(id: string): Promise<void> {
    await this.#ctx().db.mcpTaskAsk.updateMany({ where: { id }, data: { answeredAt: null } })
  }

  /** The server waits no more for them. */
  async forget(ids: readonly string[]): Promise<void> {
    await this.#ctx().db.mcpTaskAsk.deleteMany({ where: { id: { in: [...ids] } } })
  }

  async #read({ id, ask }: { id: string; ask: Uint8Array }): Promise<TaskAsk> {
    const text = await this.#box.open(ask, sealContexts.mcpTaskAsk(id))
    const { upstreamId, method, params } = content.parse(parseExactly(text))
    return { id, upstreamId, ask: { method, params } }
  }
}
