import { z } from 'zod'
import { parseJson } from '#lib/core/parse-json.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { KeyUnavailable } from '#lib/core/key-wrapper.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { timedId } from '#lib/core/timed-id.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Log } from '#lib/log/log.ts'

/** An agent's answer: what it said, or the error it answered with. */
export type AgentReply = { result: Record<string, unknown> } | { error: { code: number; message: string } }

const givenBackMax = 1000
const unreadable: AgentReply = { error: { code: -32603, message: 'The answer could not be read.' } }
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
  readonly #log: Log
  /** Claims of this replica that came to nothing, and of which the database has not heard yet. */
  readonly #givenBack = new Map<string, Date>()

  constructor({ ctx, box, log }: { ctx: () => Ctx; box: SecretBox; log: Log }) {
    this.#ctx = ctx
    this.#box = box
    this.#log = log
  }

  async open({ agentId, method, ms }: { agentId: string; method: string; ms: number }): Promise<string> {
    const { db, now } = this.#ctx()
    const id = timedId(now)
    // Whoever asked and did not come back leaves its row behind.
    await db.$executeRaw`
      with old as (delete from "McpQuestion" where "expiresAt" < now() - interval '1 minute')
      insert into "McpQuestion" ("id", "agentId", "method", "expiresAt")
      values (${id}::uuid, ${agentId}, ${method}, now() + ${ms} * interval '1 millisecond')`
    return id
  }

  /** Of several answers to one question the first one has it, whatever replicas they meet; null for any other one. */
  async claim(id: string, agentId: string): Promise<Date | null> {
    const before = this.#givenBack.get(id) ?? null
    const claimed = await this.#ctx().db.$queryRaw<{ answeredAt: Date }[]>`
      update "McpQuestion" set "answeredAt" = now()
      where "id" = ${id}::uuid and "agentId" = ${agentId} and "expiresAt" > now()
        and ("answeredAt" is null or "answeredAt" = ${before}::timestamptz)
      returning "answeredAt"`
    if (claimed.length > 0) this.#givenBack.delete(id)
    return claimed[0]?.answeredAt ?? null
  }

  /** The answer could not be recorded or taken on: the agent may send it again. Here at once, elsewhere when the database knows. */
  giveBack(id: string, claimedAt: Date): void {
    if (this.#givenBack.size >= givenBackMax) this.#givenBack.delete(this.#givenBack.keys().next().value!)
    this.#givenBack.set(id, claimedAt)
    const where = { id, answeredAt: claimedAt, answer: null }
    this.#ctx()
      .db.mcpQuestion.updateMany({ where, data: { answeredAt: null } })
      .catch((error: unknown) => this.#log.warn({ err: error }, 'an answer can be sent again to this replica only'))
  }

  /** For the replica that waits, which is told. */
  async answer(id: string, answer: AgentReply): Promise<void> {
    const sealed = new Uint8Array(await this.#box.seal(JSON.stringify(answer), sealContexts.mcpAnswer(id)))
    const { db } = this.#ctx()
    await db.$executeRaw`update "McpQuestion" set "answer" = ${sealed} where "id" = ${id}::uuid`
    await this.tell(id)
  }

  /** Whichever replica waits for it learns that it is answered. */
  async tell(id: string): Promise<void> {
    await this.#ctx().db.$executeRaw`select pg_notify('wheelhouse_talk', ${`answer:${id}`})`
  }

  async answers(ids: readonly string[]): Promise<{ id: string; reply: AgentReply }[]> {
    const rows = await this.#ctx().db.mcpQuestion.findMany({
      where: { id: { in: [...ids] }, answer: { not: null } },
      select: { id: true, answer: true },
    })
    const read = await Promise.all(rows.map(async ({ id, answer }) => ({ id, reply: await this.#read(id, answer!) })))
    return read.filter((one): one is { id: string; reply: AgentReply } => one.reply !== null)
  }

  /** One that cannot be read is an error to whoever waits for it, and to nobody else. Null: it may be read later. */
  async #read(id: string, answer: Uint8Array): Promise<AgentReply | null> {
    try {
      const parsed = reply.safeParse(parseJson(await this.#box.open(answer, sealContexts.mcpAnswer(id))))
      return parsed.success ? parsed.data : unreadable
    } catch (error) {
      if (error instanceof KeyUnavailable) return null
      this.#log.warn({ err: error }, 'an answer of an agent could not be read')
      return unreadable
    }
  }

  /** Nobody waits for them any more. */
  async close(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#ctx().db.mcpQuestion.deleteMany({ where: { id: { in: [...ids] } } })
  }
}
