import type { FleetAgent } from './facts.ts'
import { type Bitmap, clearBit, countBoth, emptyBitmap, grown, setBit } from './bitmap.ts'

/** What agents are found by at once: one bitmap for each value that occurs. `version` is `template@version`, `kind` a kind of grant in force. */
export const dimensions = ['status', 'tier', 'owner', 'template', 'version', 'model', 'person', 'kind'] as const
export type Dimension = (typeof dimensions)[number]
/** Of these every agent has exactly one value. */
export const attributes = dimensions.filter((name) => name !== 'kind')
export type Attribute = Exclude<Dimension, 'kind'>

/** The values of one dimension: a bitmap for each and, so that many are counted in one pass, the value of each slot. */
type Values = { bits: Map<string, Bitmap>; numbers: Map<string, number>; ofSlot: Uint32Array; sizes: number[] }

/** The bitmaps of every value of every dimension, all of the same length. */
export class ValueBits {
  readonly #values: ReadonlyMap<Dimension, Values>
  #words: number

  constructor(words: number) {
    this.#words = words
    this.#values = new Map(
      dimensions.map((name) => [
        name,
        { bits: new Map(), numbers: new Map(), ofSlot: new Uint32Array(words * 32), sizes: [] },
      ]),
    )
  }

  /** Every value that occurs (or has occurred), with its bitmap. */
  of(dimension: Dimension): ReadonlyMap<string, Bitmap> {
    return this.#values.get(dimension)!.bits
  }

  /** Moves a slot from one value to another; undefined: it has none. */
  move(dimension: Dimension, slot: number, { from, to }: { from?: string | undefined; to?: string | undefined }): void {
    if (from === to) return
    const { bits, numbers, ofSlot, sizes } = this.#values.get(dimension)!
    if (from !== undefined) {
      clearBit(bits.get(from)!, slot)
      sizes[numbers.get(from)!]! -= 1
    }
    if (to === undefined) return
    if (!bits.has(to)) {
      bits.set(to, emptyBitmap(this.#words))
      numbers.set(to, sizes.push(0) - 1)
    }
    setBit(bits.get(to)!, slot)
    const number = numbers.get(to)!
    ofSlot[slot] = number
    sizes[number]! += 1
  }

  /** How many of these have each value; null: of all there are. Values that none has may be left out. */
  counts(attribute: Attribute, among: { found: Bitmap; size: number } | null): [value: string, count: number][] {
    const { bits, numbers, ofSlot, sizes } = this.#values.get(attribute)!
    if (!among) return [...numbers].map(([value, number]) => [value, sizes[number]!])
    // A pass over what was found touches each slot once, a pass over the values each word of each bitmap, which takes as long.
    if (bits.size * this.#words < among.size + this.#words) {
      return [...bits].map(([value, bitmap]) => [value, countBoth(bitmap, among.found)])
    }
    const counted = countBy(among.found, { ofSlot, values: sizes.length })
    return [...numbers].map(([value, number]) => [value, counted[number]!])
  }

  grow(words: number): void {
    this.#words = words
    for (const values of this.#values.values()) {
      for (const [value, bitmap] of values.bits) values.bits.set(value, grown(bitmap, words))
      values.ofSlot = grown(values.ofSlot, words * 32)
    }
  }

  copy(): ValueBits {
    const copy = new ValueBits(this.#words)
    for (const [dimension, { bits, numbers, ofSlot, sizes }] of this.#values) {
      const values = copy.#values.get(dimension)!
      for (const [value, bitmap] of bits) values.bits.set(value, bitmap.slice())
      values.numbers = new Map(numbers)
      values.ofSlot = ofSlot.slice()
      values.sizes = sizes.slice()
    }
    return copy
  }
}

/** How many of the slots have each number. A full word, which most are where most agents were found, is gone through without looking for its bits. */
function countBy(found: Bitmap, by: { ofSlot: Uint32Array; values: number }): Uint32Array {
  const { ofSlot } = by
  const counted = new Uint32Array(by.values)
  for (let word = 0; word < found.length; word += 1) {
    const first = word << 5
    const bits = found[word]!
    if (bits === 0xffffffff) for (let slot = first; slot < first + 32; slot += 1) counted[ofSlot[slot]!]! += 1
    else
      for (let rest = bits; rest !== 0; rest &= rest - 1) counted[ofSlot[first + 31 - Math.clz32(rest & -rest)]!]! += 1
  }
  return counted
}

/** Which value of an attribute an agent has. */
export function valueOf(agent: FleetAgent, dimension: Attribute): string {
  switch (dimension) {
    case 'status':
      return agent.status
    case 'tier':
      return agent.tier
    case 'owner':
      return agent.ownerTeamId
    case 'template':
      return agent.templateId
    case 'version':
      return `${agent.templateId}@${agent.templateVersion}`
    case 'model':
      return agent.model
    case 'person':
      return agent.personId
  }
}
