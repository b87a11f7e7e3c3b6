const everyMs = 60_000
/** A server that did not answer is asked again this soon; one whose list cannot be kept less and less often. */
const retryMs = 3000

type Turn = { dueAt: number; failures: number }

/** When each server is asked for its tools: one after the other for each, whatever the others do. Times are of a monotonic clock. */
export class DiscoveryTurns {
  readonly #turns = new Map<string, Turn>()

  /** Whether it is due and nobody is asking it; then somebody is, until it is said how that ended. */
  take(serverId: string, now: number): boolean {
    const turn = this.#turns.get(serverId) ?? { dueAt: now, failures: 0 }
    if (turn.dueAt > now) return false
    this.#turns.set(serverId, { ...turn, dueAt: Infinity })
    return true
  }

  listed(serverId: string, now: number): void {
    this.#turns.set(serverId, { dueAt: now + everyMs, failures: 0 })
  }

  /** It listed what could not be kept, which took time and may again. */
  failed(serverId: string, now: number): void {
    const failures = (this.#turns.get(serverId)?.failures ?? 0) + 1
    this.#turns.set(serverId, { dueAt: now + Math.min(everyMs, retryMs * 2 ** (failures - 1)), failures })
  }

  /** It listed nothing: its circuit sees to it that it is not asked all the time. */
  unanswered(serverId: string, now: number): void {
    this.#turns.set(serverId, { dueAt: now + retryMs, failures: this.#turns.get(serverId)?.failures ?? 0 })
  }
}
