import { type Bitmap, clearBit, emptyBitmap, grown, hasBit, setBit } from './bitmap.ts'

/** Up to so many slots are a list; more are a bitmap. */
const listMax = 64

/** A set of slots that is small when it holds few. */
export class SlotSet {
  #list: number[] | null = []
  #bits: Bitmap | null = null
  size = 0
  /** Who may change it. */
  readonly owner: object

  constructor(owner: object) {
    this.owner = owner
  }

  copy(owner: object): SlotSet {
    const copy = new SlotSet(owner)
    copy.#list = this.#list?.slice() ?? null
    copy.#bits = this.#bits?.slice() ?? null
    copy.size = this.size
    return copy
  }

  add(slot: number): void {
    if (this.#list && this.#list.length === listMax) {
      const list = this.#list
      this.#list = null
      this.#bits = emptyBitmap((Math.max(...list, slot) >>> 5) + 1)
      for (const each of list) setBit(this.#bits, each)
    }
    if (this.#list) {
      if (this.#list.includes(slot)) return
      this.#list.push(slot)
    } else {
      if (slot >>> 5 >= this.#bits!.length) this.#bits = grown(this.#bits!, Math.ceil(((slot >>> 5) + 1) * 1.5))
      if (hasBit(this.#bits!, slot)) return
      setBit(this.#bits!, slot)
    }
    this.size += 1
  }

  delete(slot: number): void {
    if (this.#list) {
      const at = this.#list.indexOf(slot)
      if (at < 0) return
      this.#list.splice(at, 1)
    } else {
      if (slot >>> 5 >= this.#bits!.length || !hasBit(this.#bits!, slot)) return
      clearBit(this.#bits!, slot)
    }
    this.size -= 1
  }

  /** Sets the bits of its slots; the bitmap must have room for every slot of the index. */
  addTo(found: Bitmap): void {
    if (this.#list) for (const slot of this.#list) setBit(found, slot)
    else {
      const bits = this.#bits!
      const words = Math.min(bits.length, found.length)
      for (let word = 0; word < words; word += 1) found[word]! |= bits[word]!
    }
  }
}
