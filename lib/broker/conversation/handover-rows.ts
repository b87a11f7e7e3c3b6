import { randomUUID } from 'node:crypto'
import type { Ctx } from '#lib/auth/ctx.ts'
import { parseExactly } from '#lib/core/exact-json.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { RpcReply } from '../upstream/http.ts'
import type { Ask } from './asks.ts'
import type { HandedFailure } from './handed-failure.ts'

export type Answers = Record<string, unknown>
/** How a call went on: its reply, what it asks for next, or why it ended without a reply (null: its agent went away). */
export type Outcome =
  | { reply: RpcReply }
  | { asks: [string, Ask][] }
  | { ended: Denial | null }
  | { failure: HandedFailure }

export type HandedOver = { id: string; callId: string; agentId: string; answers: Answers }
/** `takenAt`: when it was taken or the call's server was last at work, in milliseconds since 1970. */
export type HandoverState = { id: string; takenAt: number | null; outcome: Outcome | null }

/** What replicas hand to each other about calls that wait at one of them: a row each, read by the two only. */
export class HandoverRows {
  readonly #ctx: () => Ctx
  readonly #box: SecretBox

  constructor({ ctx, box }: { ctx: () => Ctx; box: SecretBox }) {
    this.#ctx = ctx
    this.#box = box
  }

  async open({ callId, agentId, answers, ms }: Omit<HandedOver, 'id'> & { ms: number }): Promise<string> {
    const id = randomUUID()
    const sealed = await this.#seal(id, answers)
    await this.#ctx().db.$executeRaw`
      with old as (delete from "McpHandover" where "expiresAt" < now())
      insert into "McpHandover" ("id", "callId", "agentId", "answers", "expiresAt")
      values (${id}::uuid, ${callId}::uuid, ${agentId}, ${sealed}, now() + ${ms} * interval '1 millisecond')`
    await this.#tell(`call:${callId}`)
    return id
  }

  /** What was handed over for these calls: each is taken once. */
  async take(callIds: readonly string[]): Promise<HandedOver[]> {
    const rows = await this.#ctx().db.$queryRaw<{ id: string; callId: string; agentId: string; answers: Uint8Array }[]>`
      update "McpHandover" set "takenAt" = now()
      where "callId" = any(${[...callIds]}::uuid[]) and "takenAt" is null and "cancelledAt" is null and "expiresAt" > now()
      returning "id", "callId", "agentId", "answers"`
    return await Promise.all(
      rows.map(async ({ answers, ...row }) => ({ ...row, answers: (await this.#open(row.id, answers)) as Answers })),
    )
  }

  async finish(id: string, outcome: Outcome): Promise<void> {
    const sealed = await this.#seal(id, outcome)
    await this.#ctx().db.mcpHandover.updateMany({ where: { id }, data: { outcome: sealed } })
    await this.#tell(`handed:${id}`)
  }

  async states(ids: readonly string[]): Promise<HandoverState[]> {
    const rows = await this.#ctx().db.mcpHandover.findMany({
      where: { id: { in: [...ids] } },
      select: { id: true, takenAt: true, outcome: true },
    })
    return await Promise.all(
      rows.map(async ({ id, takenAt, outcome }) => ({
        id,
        takenAt: takenAt && takenAt.getTime(),
        outcome: outcome && ((await this.#open(id, outcome)) as Outcome),
      })),
    )
  }

  /** Their calls go on: whoever waits for them is to know. */
  async progressed(ids: readonly string[]): Promise<void> {
    await this.#ctx().db.$executeRaw`update "McpHandover" set "takenAt" = now() where "id" = any(${[...ids]}::uuid[])`
    for (const id of ids) await this.#tell(`handed:${id}`)
  }

  /** Which of these nobody waits for any more. */
  async cancelled(ids: readonly string[]): Promise<string[]> {
    const where = { id: { in: [...ids] }, cancelledAt: { not: null } }
    return (await this.#ctx().db.mcpHandover.findMany({ where, select: { id: true } })).map(({ id }) => id)
  }

  async cancel(id: string, callId: string): Promise<void> {
    const { db, now } = this.#ctx()
    await db.mcpHandover.updateMany({ where: { id }, data: { cancelledAt: now } })
    await this.#tell(`call:${callId}`)
  }

  /** Takes it back; false when it was taken in the meantime. */
  async withdraw(id: string): Promise<boolean> {
    return (await this.#ctx().db.mcpHandover.deleteMany({ where: { id, takenAt: null } })).count > 0
  }

  async close(id: string): Promise<void> {
    await this.#ctx().db.mcpHandover.deleteMany({ where: { id } })
  }

  async #tell(payload: string): Promise<void> {
    await this.#ctx().db.$executeRaw`select pg_notify('wheelhouse_talk', ${payload})`
  }

  async #seal(id: string, content: unknown): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.#box.seal(JSON.stringify(content), sealContexts.mcpHandover(id)))
  }

  async #open(id: string, sealed: Uint8Array): Promise<unknown> {
    // A reply is only passed on.
    return parseExactly(await this.#box.open(sealed, sealContexts.mcpHandover(id)))
  }
}
