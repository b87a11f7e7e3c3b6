import type { Ctx } from '#lib/auth/ctx.ts'
import { cancelHeldCall, endHeldCalls, lookAtHeldCalls } from '#lib/guardrails/commands.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { PolicyView, ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { Log } from '#lib/log/log.ts'

/** Why somebody waits no more: it is decided, its caller left (and may come back) or cancelled it, it would be refused now, or this broker is stopping. */
export type Woken =
  | { why: 'ended' }
  | { why: 'left' }
  | { why: 'cancelled' }
  | { why: 'refused'; denial: Denial }
  | { why: 'stopping' }

type Waiter = { heldCallId: string; expiresAt: Date; call: ToolCall; wake: (woken: Woken) => void }

const pollMs = 1000

/**
 * Who waits in this broker for a person's decision: a promise each, and one statement a second for all of them. A nudge only makes it sooner; no call keeps a
 * connection or a thread.
 */
export class WaitingCalls {
  readonly #options: { ctx: () => Ctx; log: Log }
  /** Oldest first. */
  readonly #waiters = new Set<Waiter>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | null = null
  #again = false
  #stopped = false

  constructor(options: { ctx: () => Ctx; log: Log }) {
    this.#options = options
  }

  get size(): number {
    return this.#waiters.size
  }

  /** Resolves when the call need not wait any more; never rejects. */
  async wait(
    held: { heldCallId: string; expiresAt: Date; call: ToolCall },
    signals: { cancelled: AbortSignal; left: AbortSignal },
  ): Promise<Woken> {
    const { promise, resolve } = Promise.withResolvers<Woken>()
    const waiter: Waiter = { ...held, wake: resolve }
    const onLeft = () => resolve({ why: 'left' })
    const onCancelled = () => resolve({ why: 'cancelled' })
    signals.left.addEventListener('abort', onLeft, { once: true })
    signals.cancelled.addEventListener('abort', onCancelled, { once: true })
    if (signals.left.aborted) onLeft()
    if (signals.cancelled.aborted) onCancelled()
    // Held while the others were let go.
    if (this.#stopped) resolve({ why: 'stopping' })
    this.#waiters.add(waiter)
    this.#timer ??= setInterval(() => void this.look(), pollMs)
    // It may have been decided before anybody here waited.
    void this.look()
    try {
      return await promise
    } finally {
      signals.left.removeEventListener('abort', onLeft)
      signals.cancelled.removeEventListener('abort', onCancelled)
      this.#waiters.delete(waiter)
      if (this.#waiters.size === 0) {
        clearInterval(this.#timer)
        this.#timer = undefined
      }
    }
  }

  nudge(heldCallId: string): void {
    if (heldCallId === '' || [...this.#waiters].some((waiter) => waiter.heldCallId === heldCallId)) void this.look()
  }

  /** Looks once for all who wait, never twice at the same time; while the database does not answer, they go on waiting. */
  async look(): Promise<void> {
    if (this.#looking) {
      this.#again = true
      return this.#looking
    }
    this.#looking = this.#lookOnce().finally(() => {
      this.#looking = null
    })
    await this.#looking
    if (!this.#again) return
    this.#again = false
    await this.look()
  }

  async #lookOnce(): Promise<void> {
    if (this.#waiters.size === 0) return
    try {
      const ctx = this.#options.ctx()
      if ([...this.#waiters].some(({ expiresAt }) => expiresAt <= ctx.now)) await endHeldCalls(ctx)
      const ended = new Set(await lookAtHeldCalls(ctx, [...new Set([...this.#waiters].map((one) => one.heldCallId))]))
      // The youngest first: of several who sent the same call the last one most likely still listens.
      for (const waiter of [...this.#waiters].toReversed()) {
        if (ended.has(waiter.heldCallId)) waiter.wake({ why: 'ended' })
      }
    } catch (error) {
      this.#options.log.warn({ err: error }, 'held calls could not be looked at')
    }
  }

  /** Ends the waiting of every call that would be refused now, whatever a person decides. */
  recheck(view: PolicyView, now: Date): void {
    for (const { call, wake } of this.#waiters) {
      const decision = decide(call, view, now)
      if (!decision.ok) wake({ why: 'refused', denial: decision.error })
    }
  }

  /** Lets everybody who waits now go; their calls stay held for when they come back. */
  letGo(): void {
    for (const { wake } of this.#waiters) wake({ why: 'stopping' })
  }

  /** The same, and nobody waits here any more. */
  stop(): void {
    this.#stopped = true
    this.letGo()
  }

  /** Nobody is asked about it any more. */
  async cancel(heldCallId: string, reason: string): Promise<void> {
    await cancelHeldCall(this.#options.ctx(), { heldCallId, reason }).catch((error: unknown) => {
      this.#options.log.warn({ err: error, heldCallId }, 'a held call could not be cancelled; it ends by itself')
    })
  }
}
