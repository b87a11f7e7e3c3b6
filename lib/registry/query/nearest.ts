/**
 * The closest known word within two edits (one for short words), two letters in each other's place being one; else the only one that begins with it.
 * For "did you mean".
 */
export function nearest(word: string, known: Iterable<string>): string | null {
  const words = [...known]
  let best: string | null = null
  let bestEdits = word.length <= 3 ? 2 : 3
  for (const candidate of words) {
    if (Math.abs(candidate.length - word.length) >= bestEdits) continue
    const edits = editDistance(word, candidate)
    if (edits < bestEdits) {
      best = candidate
      bestEdits = edits
    }
  }
  return best ?? onlyOneFrom(word, words)
}

function onlyOneFrom(word: string, known: readonly string[]): string | null {
  const longer = word.length < 2 ? [] : known.filter((candidate) => candidate.startsWith(word))
  return longer.length === 1 ? longer[0]! : null
}

function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j += 1) {
      const substituted = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1)
      const isSwapped = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j]
      const swapped = isSwapped ? (before[j - 1] ?? 0) + 1 : Infinity
      next.push(Math.min(substituted, swapped, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    before = row
    row = next
  }
  return row.at(-1) ?? 0
}
