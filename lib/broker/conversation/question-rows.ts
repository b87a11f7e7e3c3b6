import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'

/** An agent's answer: what it said, or the error it answered with. */
export type AgentReply = { result: Record<string, unknown> } | { error: { code: number; message: string } }

const reply = z.union([
  z.object({ result: z.record(z.string(), z.unknown()) }),
  z.object({ error: z.object({ code: z.number(), message: z.string() }) }),
])

/**
 * What agents are asked and have not answered: a row each, from before it is asked until nobody waits for it. So an answer counts once, at
 * whichever replica it arrives, and one to what was not asked, or not in time, counts nowhere.
 */
export class QuestionRows {
  readonly #ctx: () => Ctx
  readonly #box: SecretBox

  constructor({ ctx, box }: { ctx: () => Ctx; box: SecretBox }) {
    this.#ctx = ctx
    this.#box = box
  }

  async open({ agentId, method, ms }: { agentId: string; method: string; ms: number }): Promise<string> {
    const id = randomUUID()
    // Whoever asked and did not come back leaves its row behind.
    await this.#ctx().db.$executeRaw`
      with old as (delete from "McpQuestion" where "expiresAt" < now() - interval '1 minute')
      insert into "McpQuestion" ("id", "agentId", "method", "expiresAt")
      values (${id}::uuid, ${agentId}, ${method}, now() + ${ms} * interval '1 millisecond')`
    return id
  }

  /** Of several answers to one question the first one has it, whatever replicas they meet. */
  async claim(id: string, agentId: string): Promise<boolean> {
    const claimed = await this.#ctx().db.$executeRaw`
      update "McpQuestion" set "answeredAt" = now()
      where "id" = ${id}::uuid and "agentId" = ${agentId} and "answeredAt" is null and "expiresAt" > now()`
    return claimed > 0
  }

  /** For the replica that waits, which is told. */
  async answer(id: string, answer: AgentReply): Promise<void> {
    const sealed = new Uint8Array(await this.#box.seal(JSON.stringify(answer), contextOf(id)))
    const { db } = this.#ctx()
    await db.$executeRaw`update "McpQuestion" set "answer" = ${sealed} where "id" = ${id}::uuid`
    await db.$executeRaw`select pg_notify('wheelhouse_talk', ${`answer:${id}`})`
  }

  async answers(ids: readonly string[]): Promise<{ id: string; reply: AgentReply }[]> {
    const rows = await this.#ctx().db.mcpQuestion.findMany({
      where: { id: { in: [...ids] }, answer: { not: null } },
      select: { id: true, answer: true },
    })
    return await Promise.all(
      rows.map(async ({ id, answer }) => ({
        id,
        reply: reply.parse(JSON.parse(await this.#box.open(answer!, contextOf(id)))),
      })),
    )
  }

  /** Nobody waits for them any more. */
  async close(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#ctx().db.mcpQuestion.deleteMany({ where: { id: { in: [...ids] } } })
  }
}

function contextOf(id: string): string {
  return `mcp-answer:${id}`
}
