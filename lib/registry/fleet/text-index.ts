import { type Bitmap, emptyBitmap, forEachBit, setBit } from './bitmap.ts'

/** Letters, digits and a few more by themselves; whatever else shares one code, which only makes candidates less exact. */
const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789 -'
const codeCount = alphabet.length + 2
const other = alphabet.length
const end = alphabet.length + 1
const codes = new Uint8Array(128).fill(other)
for (const [code, char] of Array.from(alphabet).entries()) codes[char.charCodeAt(0)] = code

/**
 * Finds the slots whose text contains a word, by trigrams: candidates are in the postings of every trigram of the word, and each is then
 * looked at. Texts may change: old postings stay and only cost a look, so nothing has to be taken out.
 */
export class TextIndex {
  #texts: string[] = []
  readonly #postings: (number[] | undefined)[] = Array.from({ length: codeCount ** 3 })

  put(slot: number, text: string): void {
    const before = this.#texts[slot]
    if (before === text) return
    this.#texts[slot] = text
    const seen = new Set<number>()
    for (let at = 0; at < text.length; at += 1) seen.add(trigramAt(text, at))
    for (const trigram of seen) {
      const posting = (this.#postings[trigram] ??= [])
      if (before === undefined || !posting.includes(slot)) posting.push(slot)
    }
  }

  /** The slots whose text contains the word, which is lower case. */
  find(word: string, words: number): Bitmap {
    const found = emptyBitmap(words)
    const look = (slot: number): void => {
      if (this.#texts[slot]?.includes(word)) setBit(found, slot)
    }
    const candidates = this.#candidates(word, words)
    if (candidates === null) for (let slot = 0; slot < this.#texts.length; slot += 1) look(slot)
    else if (Array.isArray(candidates)) candidates.forEach(look)
    else forEachBit(candidates, look)
    return found
  }

  text(slot: number): string {
    return this.#texts[slot] ?? ''
  }

  /** Null: all. The shortest posting of the word's trigrams; for two characters the union of what begins with them. */
  #candidates(word: string, words: number): number[] | Bitmap | null {
    if (word.length < 2) return null
    if (word.length === 2) {
      const union = emptyBitmap(words)
      const first = trigramOf(codeAt(word, 0), codeAt(word, 1), 0)
      for (let code = 0; code < codeCount; code += 1) {
        for (const slot of this.#postings[first + code] ?? []) setBit(union, slot)
      }
      return union
    }
    const postings = Array.from({ length: word.length - 2 }, (_, at) => this.#postings[trigramAt(word, at)])
    let [shortest = []] = postings
    for (const posting of postings) {
      if (!posting) return []
      if (posting.length < shortest.length) shortest = posting
    }
    return postings[0] ? shortest : []
  }
}

function trigramAt(text: string, at: number): number {
  return trigramOf(codeAt(text, at), codeAt(text, at + 1), codeAt(text, at + 2))
}

function trigramOf(a: number, b: number, c: number): number {
  return (a * codeCount + b) * codeCount + c
}

function codeAt(text: string, at: number): number {
  if (at >= text.length) return end
  const unit = text.charCodeAt(at)
  return unit < 128 ? codes[unit]! : other
}
