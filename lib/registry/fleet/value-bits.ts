import { type Bitmap, clearBit, emptyBitmap, grown, setBit } from './bitmap.ts'

/** What agents are found by at once: one bitmap for each value that occurs. `version` is `template@version`, `kind` a kind of grant in force. */
export const dimensions = ['status', 'tier', 'owner', 'template', 'version', 'model', 'person', 'kind'] as const
export type Dimension = (typeof dimensions)[number]

/** The bitmaps of every value of every dimension, all of the same length. */
export class ValueBits {
  readonly #values: ReadonlyMap<Dimension, Map<string, Bitmap>>
  #words: number

  constructor(words: number) {
    this.#words = words
    this.#values = new Map(dimensions.map((name) => [name, new Map()]))
  }

  /** Every value that occurs (or has occurred), with its bitmap. */
  of(dimension: Dimension): ReadonlyMap<string, Bitmap> {
    return this.#values.get(dimension)!
  }

  /** Moves a slot from one value to another; undefined: it has none. */
  move(dimension: Dimension, slot: number, { from, to }: { from?: string | undefined; to?: string | undefined }): void {
    if (from === to) return
    const values = this.#values.get(dimension)!
    if (from !== undefined) clearBit(values.get(from)!, slot)
    if (to === undefined) return
    let bitmap = values.get(to)
    if (!bitmap) values.set(to, (bitmap = emptyBitmap(this.#words)))
    setBit(bitmap, slot)
  }

  grow(words: number): void {
    this.#words = words
    for (const values of this.#values.values())
      for (const [value, bitmap] of values) values.set(value, grown(bitmap, words))
  }

  copy(): ValueBits {
    const copy = new ValueBits(this.#words)
    for (const [dimension, values] of this.#values)
      for (const [value, bitmap] of values) copy.#values.get(dimension)!.set(value, bitmap.slice())
    return copy
  }
}
