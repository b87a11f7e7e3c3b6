import { randomUUID } from 'node:crypto'
import type { LargeReply } from '../large/large-reply.ts'
import type { RpcMessage, RpcReply } from '../upstream/http.ts'
import type { Ask } from './asks.ts'
import type { Talk } from './talk.ts'

/** A call that runs at a server with sessions while its agent, which knows none, is asked for input and comes back with it. */
export class SuspendedCall {
  readonly id = randomUUID()
  readonly agentId: string
  /** The exchange that waits now; between two there is none. */
  talk: Talk | null
  /** What the server asked and nobody has answered: by the key the agent knows it under. */
  readonly asks = new Map<string, { id: unknown; ask: Ask }>()
  /** How often its server has said that it is at work. */
  progress = 0
  /** Passes the agent's answer on to the server. */
  readonly tell: (message: RpcMessage) => Promise<unknown>
  readonly abort: (reason: unknown) => void
  /** Its reply as another replica can be given it. */
  readonly whole: (reply: RpcReply) => Promise<RpcReply>
  /** Called with each answer. */
  readonly #answered: () => void
  /** Exchanges that wait for it now. */
  #waiting = 0
  #large: LargeReply | null = null
  #reply: Promise<RpcReply> | null = null
  #asked = Promise.withResolvers<void>()

  constructor(
    options: Pick<SuspendedCall, 'agentId' | 'tell' | 'abort' | 'whole'> & { talk: Talk; answered: () => void },
  ) {
    this.agentId = options.agentId
    this.talk = options.talk
    this.tell = options.tell
    this.abort = options.abort
    this.whole = options.whole
    this.#answered = options.answered
  }

  run(reply: Promise<RpcReply>): void {
    this.#reply = reply
    // Whoever waits learns of it; between two exchanges nobody does.
    reply.then(
      (came) => {
        this.#large = came.ok ? (came.large ?? null) : null
        if (this.#waiting === 0) this.#dismiss()
      },
      () => {},
    )
  }

  /** Nobody reads the reply. */
  #dismiss(): void {
    void this.#large?.close().catch(() => {})
  }

  ask(id: unknown, ask: Ask): void {
    this.asks.set(`ask-${this.asks.size + 1}-${randomUUID().slice(0, 8)}`, { id, ask })
    this.#asked.resolve()
  }

  /** Passes answers by their keys on to the server, and waits as `next` does. */
  async goOn(answers: Record<string, unknown>, signal: AbortSignal): Promise<RpcReply | null> {
    for (const [key, { id }] of this.asks) {
      const result = answers[key]
      if (typeof result !== 'object' || result === null) continue
      this.asks.delete(key)
      this.#answered()
      await this.tell({ id, result })
    }
    return await this.next(signal)
  }

  /** Resolves with the reply, or with null when there is something to ask. The signal's end ends the call at the server, too. */
  async next(signal: AbortSignal): Promise<RpcReply | null> {
    const onAbort = (): void => this.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting += 1
    let reply: RpcReply | null = null
    try {
      if (signal.aborted) onAbort()
      if (this.asks.size > 0) return null
      this.#asked = Promise.withResolvers()
      reply = await Promise.race([this.#reply!, this.#asked.promise.then(() => null)])
      return reply
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#waiting -= 1
      if (!reply && this.#waiting === 0) this.#dismiss()
    }
  }
}

/** Those of this replica: only it has the connection over which the server answers. What comes to another one is handed over (`Handovers`). */
export class SuspendedCalls {
  readonly #calls = new Map<string, SuspendedCall>()

  find(id: string, agentId: string): SuspendedCall | null {
    const found = this.#calls.get(id)
    return found?.agentId === agentId ? found : null
  }

  get size(): number {
    return this.#calls.size
  }

  has(id: string): boolean {
    return this.#calls.has(id)
  }

  ids(): string[] {
    return [...this.#calls.keys()]
  }

  countOf(agentId: string): number {
    let count = 0
    for (const call of this.#calls.values()) if (call.agentId === agentId) count += 1
    return count
  }

  add(call: SuspendedCall): void {
    this.#calls.set(call.id, call)
  }

  delete(id: string): void {
    this.#calls.delete(id)
  }
}
