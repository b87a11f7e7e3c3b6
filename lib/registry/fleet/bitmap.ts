/** A set of slots, one bit each; every bitmap of an index has the same length. */
export type Bitmap = Uint32Array

export function emptyBitmap(words: number): Bitmap {
  return new Uint32Array(words)
}

export function setBit(bitmap: Bitmap, slot: number): void {
  bitmap[slot >>> 5]! |= 1 << (slot & 31)
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
  let count = 0
  for (let word = 0; word < bitmap.length; word += 1) count += bitsOf(bitmap[word]!)
  return count
}

/** How many slots are in both. */
export function countBoth(a: Bitmap, b: Bitmap): number {
  let count = 0
  for (let word = 0; word < a.length; word += 1) {
    const both = a[word]! & b[word]!
    if (both !== 0) count += bitsOf(both)
  }
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

/** Population count of 32 bits (Hacker's Delight, 5-1). */
function bitsOf(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
