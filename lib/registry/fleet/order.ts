import { type Bitmap, hasBit } from './bitmap.ts'

type Key = string | number

/** The slots in the order of a key, then of their ids; kept while single agents change. */
export class Order {
  readonly #keys: Key[]
  readonly #id: (slot: number) => string
  #slots: Uint32Array
  #size: number

  private constructor(slots: Uint32Array, about: { size: number; keys: Key[]; id: (slot: number) => string }) {
    this.#slots = slots
    this.#size = about.size
    this.#keys = about.keys
    this.#id = about.id
  }

  static of(slots: Uint32Array, keyOf: (slot: number) => Key, id: (slot: number) => string): Order {
    const keys: Key[] = []
    for (const slot of slots) keys[slot] = keyOf(slot)
    const sorted = slots.toSorted((a, b) => compare(keys[a]!, keys[b]!) || compare(id(a), id(b)))
    return new Order(sorted, { size: sorted.length, keys, id })
  }

  copy(id: (slot: number) => string): Order {
    return new Order(this.#slots.slice(), { size: this.#size, keys: this.#keys.slice(), id })
  }

  /** Must be called before the id of the slot changes hands. */
  remove(slot: number): void {
    const at = this.#lowerBound(this.#keys[slot]!, this.#id(slot))
    this.#slots.copyWithin(at, at + 1, this.#size)
    this.#size -= 1
  }

  add(slot: number, key: Key): void {
    const at = this.#lowerBound(key, this.#id(slot))
    if (this.#size === this.#slots.length) {
      const larger = new Uint32Array(Math.ceil((this.#size + 16) * 1.25))
      larger.set(this.#slots)
      this.#slots = larger
    }
    this.#slots.copyWithin(at + 1, at, this.#size)
    this.#slots[at] = slot
    this.#size += 1
    this.#keys[slot] = key
  }

  keyOf(slot: number): Key {
    return this.#keys[slot]!
  }

  /** Up to `limit` slots of the set, going up or down from a position, which is left out; without one from the end. */
  page(set: Bitmap, options: { up: boolean; limit: number; from: { key: Key; id: string } | null }): number[] {
    const { up, limit, from } = options
    const found: number[] = []
    if (up) {
      let at = from ? this.#upperBound(from.key, from.id) : 0
      for (; at < this.#size && found.length < limit; at += 1) {
        if (hasBit(set, this.#slots[at]!)) found.push(this.#slots[at]!)
      }
      return found
    }
    let at = (from ? this.#lowerBound(from.key, from.id) : this.#size) - 1
    for (; at >= 0 && found.length < limit; at -= 1) {
      if (hasBit(set, this.#slots[at]!)) found.push(this.#slots[at]!)
    }
    return found
  }

  /** The slots whose key lies between two keys: from `min` on (or after it) up to `max` (or before it). */
  between(min: { at: Key; inclusive: boolean } | null, max: { at: Key; inclusive: boolean } | null): Uint32Array {
    const from = min === null ? 0 : this.#firstKey(min.at, !min.inclusive)
    const to = max === null ? this.#size : this.#firstKey(max.at, max.inclusive)
    return this.#slots.subarray(from, Math.max(from, to))
  }

  /** The first position whose key is at least (or with `after` greater than) this one. */
  #firstKey(key: Key, after: boolean): number {
    return this.#search((slot) => {
      const order = compare(this.#keys[slot]!, key)
      return after ? order > 0 : order >= 0
    })
  }

  #lowerBound(key: Key, id: string): number {
    return this.#search((slot) => (compare(this.#keys[slot]!, key) || compare(this.#id(slot), id)) >= 0)
  }

  #upperBound(key: Key, id: string): number {
    return this.#search((slot) => (compare(this.#keys[slot]!, key) || compare(this.#id(slot), id)) > 0)
  }

  #search(reached: (slot: number) => boolean): number {
    let low = 0
    let high = this.#size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (reached(this.#slots[middle]!)) high = middle
      else low = middle + 1
    }
    return low
  }
}

function compare(a: Key, b: Key): number {
  return a < b ? -1 : a > b ? 1 : 0
}
