import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { BrokerView } from '../view/view.ts'
import { decideTask } from './offered.ts'
import type { BrokeredTask } from './task-ids.ts'

type Listening = { task: BrokeredTask; caller: Caller; ending: AbortController; asked: PromiseWithResolvers<void> }

/** Where this replica hears what tasks at servers of 2025-11-25 ask: in the stream to whoever waits for the result, which the broker does for an agent that has no such thing. */
export class TaskListeners {
  readonly #all = new Map<string, Listening>()

  /** Listens until `listen` is done, once for each task; resolves when something was asked, or it is over. Null: its agent has as many as it may. */
  heard(
    task: BrokeredTask,
    { caller, max, ms }: { caller: Caller; max: number; ms: number },
    listen: (options: { signal: AbortSignal; asked: () => void }) => Promise<unknown>,
  ): Promise<void> | null {
    const known = this.#all.get(task.id)
    if (known) return known.asked.promise
    const count = [...this.#all.values()].filter(({ caller: { agentId } }) => agentId === caller.agentId).length
    if (count >= max) return null
    const listening: Listening = {
      task,
      caller,
      ending: new AbortController(),
      asked: Promise.withResolvers<void>(),
    }
    this.#all.set(task.id, listening)
    const late = setTimeout(() => listening.ending.abort(), ms)
    const asked = (): void => {
      listening.asked.resolve()
      listening.asked = Promise.withResolvers<void>()
    }
    const over = (): void => {
      clearTimeout(late)
      this.#all.delete(task.id)
      listening.asked.resolve()
    }
    const { promise } = listening.asked
    listen({ signal: listening.ending.signal, asked }).then(over, over)
    return promise
  }

  /** Ends those of whoever would be refused now. */
  recheck(view: BrokerView, now: Date): void {
    const parts = { view, now: () => now }
    for (const { caller, task, ending } of this.#all.values()) if (!decideTask(parts, caller, task).ok) ending.abort()
  }

  stop(): void {
    for (const { ending } of this.#all.values()) ending.abort()
  }
}
