/** When grants expire, soonest first: a binary heap. An entry whose grant has changed meanwhile does no harm. */
export class Expiries {
  readonly #entries: { at: number; id: string }[] = []
  readonly #known = new Set<string>()

  add(at: number, id: string): void {
    const identity = `${at} ${id}`
    if (this.#known.has(identity)) return
    this.#known.add(identity)
    const entries = this.#entries
    let child = entries.push({ at, id }) - 1
    while (child > 0) {
      const parent = (child - 1) >> 1
      if (entries[parent]!.at <= entries[child]!.at) return
      this.#swap(parent, child)
      child = parent
    }
  }

  /** Takes out whose grants have expired by now. */
  due(now: number): Set<string> {
    const ids = new Set<string>()
    for (let first = this.#entries[0]; first && first.at <= now; first = this.#entries[0]) {
      ids.add(first.id)
      this.#known.delete(`${first.at} ${first.id}`)
      this.#removeFirst()
    }
    return ids
  }

  #removeFirst(): void {
    const entries = this.#entries
    const last = entries.pop()!
    if (entries.length === 0) return
    entries[0] = last
    for (let parent = 0; ;) {
      let least = parent
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < entries.length && entries[child]!.at < entries[least]!.at) least = child
      }
      if (least === parent) return
      this.#swap(parent, least)
      parent = least
    }
  }

  #swap(a: number, b: number): void {
    const held = this.#entries[a]!
    this.#entries[a] = this.#entries[b]!
    this.#entries[b] = held
  }
}
