/** How many servers the merged streams of each agent listen to at this broker. */
export class UpstreamListeners {
  readonly #agents = new Map<string, number>()

  /** One more, until the returned function is called; null when the agent has as many as may be. */
  take(agentId: string, max: number): (() => void) | null {
    const count = this.#agents.get(agentId) ?? 0
    if (count >= max) return null
    this.#agents.set(agentId, count + 1)
    return () => {
      const left = this.#agents.get(agentId)! - 1
      if (left > 0) this.#agents.set(agentId, left)
      else this.#agents.delete(agentId)
    }
  }
}
