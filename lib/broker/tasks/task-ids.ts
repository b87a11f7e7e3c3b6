import { z } from 'zod'
import type { SecretBox } from '#lib/core/secret-box.ts'
import { KeyUnavailable } from '#lib/core/key-wrapper.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { UpstreamSession } from '../upstream/request.ts'

/** Of whom and of what a task is: that is what its id says. */
export type TaskOrigin = {
  readonly agentId: string
  readonly runId: string | null
  readonly serverId: string
  /** The server's address: at another one it is another server. */
  readonly url: string
  readonly tool: string
  /** The grant under which it was begun. */
  readonly grantId: string
}

/** A task at a server, as its agent knows it (`id`) and as the server does (`upstreamId`). */
export type BrokeredTask = TaskOrigin & {
  readonly id: string
  readonly upstreamId: string
  /** Its session at the server, where its agent has none that says so. */
  readonly session: UpstreamSession | null
  /** What it asked over this replica: the method by the key of the question. */
  readonly asked: Map<string, string>
}

const content = z.tuple([
  z.string(),
  z.string(),
  z.string().nullable(),
  z.string(),
  z.string(),
  z.string(),
  z.string(),
  z.tuple([z.string(), z.string()]).optional(),
])
const context = 'mcp-task'
const rememberedMax = 20_000
const hex = /^(?:[0-9a-f]{2}){40,4000}$/

/** Longer ones are not taken: a header has to carry them. */
export const upstreamIdMax = 512

/**
 * Gives tasks the ids under which agents know them. An id carries the task, sealed with the broker's keys, so every replica reads it and none keeps it. Whoever has it still
 * has to be who it names.
 */
export class TaskIds {
  readonly #box: SecretBox
  readonly #remembered = new Map<string, BrokeredTask>()

  constructor(box: SecretBox) {
    this.#box = box
  }

  async give(
    origin: TaskOrigin,
    { upstreamId, session }: Pick<BrokeredTask, 'upstreamId' | 'session'>,
  ): Promise<BrokeredTask> {
    const { agentId, runId, serverId, url, tool, grantId } = origin
    const within = session ? [[session.id, session.version]] : []
    const text = JSON.stringify([upstreamId, agentId, runId, serverId, url, tool, grantId, ...within])
    // In hexadecimal nothing looks like a secret that would be masked.
    const id = Buffer.from(await this.#box.seal(text, context)).toString('hex')
    return this.#remember({ ...origin, id, upstreamId, session, asked: new Map() })
  }

  /** Null for what no broker gave out. */
  async read(id: string): Promise<BrokeredTask | null> {
    const remembered = this.#remembered.get(id)
    if (remembered) return remembered
    if (!hex.test(id)) return null
    const parsed = content.safeParse(JSON.parse((await this.#open(id)) ?? 'null'))
    if (!parsed.success) return null
    const [upstreamId, agentId, runId, serverId, url, tool, grantId, within] = parsed.data
    const session = within ? { id: within[0], version: within[1] } : null
    return this.#remember({ id, upstreamId, session, agentId, runId, serverId, url, tool, grantId, asked: new Map() })
  }

  async #open(id: string): Promise<string | null> {
    try {
      return await this.#box.open(Buffer.from(id, 'hex'), context)
    } catch (error) {
      if (error instanceof KeyUnavailable) throw error
      return null
    }
  }

  #remember(task: BrokeredTask): BrokeredTask {
    if (this.#remembered.size >= rememberedMax) {
      const oldest = this.#remembered.keys().next()
      if (!oldest.done) this.#remembered.delete(oldest.value)
    }
    this.#remembered.set(task.id, task)
    return task
  }
}

export function isOf({ agentId, runId }: TaskOrigin, caller: Caller): boolean {
  return agentId === caller.agentId && runId === caller.runId
}
