import type { Caller } from '#lib/guardrails/rules/facts.ts'
import { pause } from '../until-aborted.ts'
import type { BrokeredTask } from './task-ids.ts'

/** Who wants to be told how a task is, until the signal. */
export type Hearing = {
  caller: Caller
  signal: AbortSignal
  told: (content: Record<string, unknown>) => Promise<void>
  /** Nothing more will be told: the task is over, or cannot be looked at any more. */
  ended: (end: { isOver: boolean }) => void
}

/** What a look has found; `content` null: nothing this time. `againMs`: when to look again; null: never. */
export type Look = { content: Record<string, unknown> | null; againMs: number | null; isOver: boolean }

type Looking = (caller: Caller, signal: AbortSignal) => Promise<Look>
/** What each was told last. */
type Watch = { agentId: string; hearings: Map<Hearing, string | null>; left: AbortController }

/**
 * Tasks of servers that tell nobody of them, and for which an agent listens all the same: this replica looks at each, once for all who listen here, and tells each of them what they have
 * not been told yet.
 */
export class TaskWatches {
  readonly #all = new Map<string, Watch>()

  get size(): number {
    return this.#all.size
  }

  /** False: the agent has as many as it may, or has left. */
  add(
    { id, agentId }: Pick<BrokeredTask, 'id' | 'agentId'>,
    hearing: Hearing,
    { max, look }: { max: number; look: Looking },
  ): boolean {
    if (hearing.signal.aborted) return false
    const known = this.#all.get(id)
    if (!known && this.#countOf(agentId) >= max) return false
    const watch = known ?? { agentId, hearings: new Map<Hearing, string | null>(), left: new AbortController() }
    watch.hearings.set(hearing, null)
    const leave = (): void => {
      if (!watch.hearings.delete(hearing) || watch.hearings.size > 0) return
      this.#forget(id, watch)
      watch.left.abort()
    }
    hearing.signal.addEventListener('abort', leave, { once: true })
    if (known) return true
    this.#all.set(id, watch)
    void this.#goOn(watch, look).then((isOver) => {
      this.#forget(id, watch)
      for (const each of watch.hearings.keys()) each.ended({ isOver })
    })
    return true
  }

  /** Whether the task was over when nothing more was to be told. */
  async #goOn({ hearings, left }: Watch, look: Looking): Promise<boolean> {
    try {
      for (;;) {
        const [first] = hearings.keys()
        if (!first) return false
        const { content, againMs, isOver } = await look(first.caller, left.signal)
        if (content) await tellAll(hearings, content)
        if (againMs === null) return isOver
        await pause(againMs, left.signal)
      }
    } catch {
      return false
    }
  }

  #forget(id: string, watch: Watch): void {
    if (this.#all.get(id) === watch) this.#all.delete(id)
  }

  #countOf(agentId: string): number {
    let count = 0
    for (const watch of this.#all.values()) if (watch.agentId === agentId) count += 1
    return count
  }
}

async function tellAll(hearings: Map<Hearing, string | null>, content: Record<string, unknown>): Promise<void> {
  const now = JSON.stringify(content)
  const telling = [...hearings].map(async ([hearing, before]) => {
    if (before === now) return
    hearings.set(hearing, now)
    await hearing.told(content)
  })
  await Promise.all(telling)
}
