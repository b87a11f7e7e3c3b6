/** A set of slots, one bit each; every bitmap of an index has the same length. */
export type Bitmap = Uint32Array

export function emptyBitmap(words: number): Bitmap {
  return new Uint32Array(words)
}

export function setBit(bitmap: Bitmap, slot: number): void {
  bitmap[slot >>> 5]! |= 1 << (slot & 31)
}

/** By position and not by iterator, which takes three times as long. */
export function setBits(bitmap: Bitmap, slots: Uint32Array): void {
  for (let at = 0; at < slots.length; at += 1) setBit(bitmap, slots[at]!)
}

export function clearBit(bitmap: Bitmap, slot: number): void {
  bitmap[slot >>> 5]! &= ~(1 << (slot & 31))
}

export function hasBit(bitmap: Bitmap, slot: number): boolean {
  return ((bitmap[slot >>> 5]! >>> (slot & 31)) & 1) === 1
}

export function andInto(target: Bitmap, other: Bitmap): Bitmap {
  for (let word = 0; word < target.length; word += 1) target[word]! &= other[word]!
  return target
}

export function orInto(target: Bitmap, other: Bitmap): Bitmap {
  for (let word = 0; word < target.length; word += 1) target[word]! |= other[word]!
  return target
}

export function andNotInto(target: Bitmap, other: Bitmap): Bitmap {
  for (let word = 0; word < target.length; word += 1) target[word]! &= ~other[word]!
  return target
}

export function countBits(bitmap: Bitmap): number {
  return countBoth(bitmap, bitmap)
}

/** So many words that the counts of their bytes still fit a byte: ten times three words of at most 24 bits a byte. */
const blockWords = 30

/**
 * How many slots are in both. Three words are added up before their bits are (as pairs, then as fours, of at most twelve), and a block of
 * words before its bytes are: facets count little else.
 */
export function countBoth(a: Bitmap, b: Bitmap): number {
  let count = 0
  let word = 0
  while (word + blockWords <= a.length) {
    let bytes = 0
    for (const end = word + blockWords; word < end; word += 3) {
      const x = pairsOf(a[word]! & b[word]!)
      const y = pairsOf(a[word + 1]! & b[word + 1]!)
      const z = pairsOf(a[word + 2]! & b[word + 2]!)
      const low = (x & 0x33333333) + (y & 0x33333333) + (z & 0x33333333)
      const high = ((x >>> 2) & 0x33333333) + ((y >>> 2) & 0x33333333) + ((z >>> 2) & 0x33333333)
      const fours = (low + high) | 0
      bytes = (bytes + (fours & 0x0f0f0f0f) + ((fours >>> 4) & 0x0f0f0f0f)) | 0
    }
    const halves = (bytes & 0x00ff00ff) + ((bytes >>> 8) & 0x00ff00ff)
    count += (halves & 0xffff) + (halves >>> 16)
  }
  for (; word < a.length; word += 1) count += bitsOf(a[word]! & b[word]!)
  return count
}

export function forEachBit(bitmap: Bitmap, visit: (slot: number) => void): void {
  for (let word = 0; word < bitmap.length; word += 1) {
    for (let rest = bitmap[word]!; rest !== 0; rest &= rest - 1) visit((word << 5) + 31 - Math.clz32(rest & -rest))
  }
}

export function grown(bitmap: Bitmap, words: number): Bitmap {
  const larger = new Uint32Array(words)
  larger.set(bitmap)
  return larger
}

/** Each two bits as their count. */
function pairsOf(word: number): number {
  return (word - ((word >>> 1) & 0x55555555)) | 0
}

/** Population count of 32 bits (Hacker's Delight, 5-1). */
function bitsOf(word: number): number {
  const pairs = pairsOf(word)
  const bits = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
