import type { Ctx } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import type { AgentSession } from '../endpoint/sessions.ts'
import type { MarkedCall } from './event-marks.ts'

/**
 * The streams that this replica reads in sessions of agents' own: of calls, and of each session the one that no call began (`call` is null). A server gives a stream to one reader only:
 * when an agent that has lost its connection asks for it, whichever replica still reads it lets go of it.
 */
export class HeldStreams {
  readonly #ctx: () => Ctx
  readonly #held = new Map<string, Set<AbortController>>()

  constructor(ctx: () => Ctx) {
    this.#ctx = ctx
  }

  /** `held` is aborted when the stream is to be let go. Call `release` when it is over. */
  hold(
    session: AgentSession,
    call: MarkedCall,
    held = new AbortController(),
  ): { cut: AbortSignal; release: () => void } {
    const key = keyOf(session, call)
    const all = this.#held.get(key) ?? new Set()
    this.#held.set(key, all.add(held))
    const release = (): void => {
      all.delete(held)
      if (all.size === 0 && this.#held.get(key) === all) this.#held.delete(key)
    }
    return { cut: held.signal, release }
  }

  /** Here, or at another replica as soon as it is told. */
  async letGo(session: AgentSession, call: MarkedCall): Promise<void> {
    const key = keyOf(session, call)
    if (this.nudge(key)) return
    await this.#ctx().db.$executeRaw`select pg_notify('wheelhouse_talk', ${`stream:${key}`})`
  }

  /** Whether any was held here. */
  nudge(key: string): boolean {
    const held = this.#held.get(key)
    for (const each of held ?? []) each.abort()
    return held !== undefined
  }
}

function keyOf({ name, upstream }: AgentSession, call: MarkedCall): string {
  return digestOf([name, upstream?.id ?? '', call?.endId ?? ''])
}
