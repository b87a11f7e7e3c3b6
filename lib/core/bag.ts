type Place<T> = { value: T; at: number }

/**
 * What is under way, for things that come and go with every call: added and taken out at once, each taken out through the place it was given.
 * A `Set` would do but for one thing: V8's hash tables keep what was in them when they outgrew or shrank, and lead to the table that followed. One that
 * has lived for two collections of new objects thus keeps all later ones, with everything in them, until the next full collection. Here a place that is
 * given up is written over.
 */
export class Bag<T> {
  readonly #places: Place<T>[] = []

  get size(): number {
    return this.#places.length
  }

  /** Returns its place, by which it is taken out again. */
  add(value: T): Place<T> {
    const place = { value, at: this.#places.length }
    this.#places.push(place)
    return place
  }

  has(place: Place<T>): boolean {
    return place.at >= 0
  }

  /** Whether it was still there. */
  remove(place: Place<T>): boolean {
    if (place.at < 0) return false
    const last = this.#places.pop()!
    if (last !== place) {
      last.at = place.at
      this.#places[place.at] = last
    }
    place.at = -1
    return true
  }

  /** As it is now: what comes or goes meanwhile changes nothing. In no order. */
  values(): T[] {
    return this.#places.map((place) => place.value)
  }
}
