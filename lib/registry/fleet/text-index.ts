import { andInto, type Bitmap, emptyBitmap, forEachBit, setBit } from './bitmap.ts'
import { SlotSet } from './slot-set.ts'

/** So many words are remembered with their slots: 12.5 kB each of 100,000 agents. */
const foundMax = 200

/**
 * Finds the slots whose text contains a word, by the tokens (runs of letters and digits, and every other sign by itself) that contain it. A
 * word that is one token is answered by the tokens alone; for one of several, the slots that have all of them are looked at.
 */
export class TextIndex {
  #texts: string[] = []
  /** Numbers are kept apart: there may be as many as agents, and a word with a letter is in none of them. */
  #words = new Map<string, SlotSet>()
  #numbers = new Map<string, SlotSet>()
  /** Sets that were made under another one belong to a copy as well: they are not changed but replaced. */
  #owner = {}
  /** Texts and maps belong to a copy as well. */
  #isShared = false
  /** What words were found in, until a text changes. */
  readonly #found = new Map<string, Bitmap>()

  put(slot: number, text: string): void {
    const before = this.#texts[slot]
    if (before === text) return
    this.#own()
    this.#texts[slot] = text
    this.#found.clear()
    const [had, has] = [tokensOf(before ?? ''), tokensOf(text)]
    for (const token of had) if (!has.has(token)) this.#remove(token, slot)
    for (const token of has) if (!had.has(token)) this.#add(token, slot)
  }

  /** Shares everything until one of both changes it. */
  copy(): TextIndex {
    const copy = new TextIndex()
    copy.#texts = this.#texts
    copy.#words = this.#words
    copy.#numbers = this.#numbers
    copy.#isShared = this.#isShared = true
    this.#owner = {}
    return copy
  }

  /** The slots whose text contains the word, which is lower case. Shared: not to be changed by the caller. */
  find(word: string, words: number): Bitmap {
    const known = this.#found.get(word)
    if (known?.length === words) return known
    const found = this.#look(word, words)
    if (this.#found.size >= foundMax) this.#found.clear()
    this.#found.set(word, found)
    return found
  }

  /** There are as many numbers as agents, so this is left until a text changes. */
  #own(): void {
    if (!this.#isShared) return
    this.#texts = this.#texts.slice()
    this.#words = new Map(this.#words)
    this.#numbers = new Map(this.#numbers)
    this.#isShared = false
  }

  #look(word: string, words: number): Bitmap {
    const tokens = tokensOf(word)
    const found = emptyBitmap(words)
    if (tokens.size === 1 && tokens.has(word)) return this.#addContaining(word, found)
    const look = (slot: number): void => {
      if (this.#texts[slot]?.includes(word)) setBit(found, slot)
    }
    if (tokens.size === 0) this.#texts.forEach((_, slot) => look(slot))
    else forEachBit(this.#havingAll([...tokens], words), look)
    return found
  }

  #havingAll([first = '', ...rest]: readonly string[], words: number): Bitmap {
    const candidates = this.#addContaining(first, emptyBitmap(words))
    for (const token of rest) andInto(candidates, this.#addContaining(token, emptyBitmap(words)))
    return candidates
  }

  #addContaining(part: string, found: Bitmap): Bitmap {
    for (const [token, slots] of this.#words) if (token.includes(part)) slots.addTo(found)
    if (onlyDigits.test(part)) for (const [token, slots] of this.#numbers) if (token.includes(part)) slots.addTo(found)
    return found
  }

  #add(token: string, slot: number): void {
    this.#setOf(token).add(slot)
  }

  #remove(token: string, slot: number): void {
    const slots = this.#setOf(token)
    slots.delete(slot)
    if (slots.size === 0) this.#mapOf(token).delete(token)
  }

  #setOf(token: string): SlotSet {
    const map = this.#mapOf(token)
    const known = map.get(token)
    if (known?.owner === this.#owner) return known
    const own = known ? known.copy(this.#owner) : new SlotSet(this.#owner)
    map.set(token, own)
    return own
  }

  #mapOf(token: string): Map<string, SlotSet> {
    return onlyDigits.test(token) ? this.#numbers : this.#words
  }
}

const onlyDigits = /^\d+$/

function tokensOf(text: string): Set<string> {
  return new Set(text.match(/[\p{L}\p{N}]+|[^\p{L}\p{N}\s]/gu))
}
