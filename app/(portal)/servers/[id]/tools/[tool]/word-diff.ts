export type Part = { text: string; changed: boolean }

/** More words than this are compared by their ends only: the page must stay quick whatever a server says. */
const wordsMax = 800

/** Every value of a definition that is no object or list, by its JSON pointer. */
export function partsOf(definition: Record<string, unknown>): Map<string, string> {
  const parts = new Map<string, string>()
  const walk = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null)
      parts.set(path, typeof node === 'string' ? node : JSON.stringify(node))
    else if (Object.keys(node).length === 0) parts.set(path, JSON.stringify(node))
    else for (const [key, part] of Object.entries(node)) walk(part, `${path}/${key}`)
  }
  walk(definition, '')
  return parts
}

/** What was taken away and what was added, word by word: the longest common sequence of words stays unmarked. */
export function diffWords(before: string, after: string): { before: Part[]; after: Part[] } {
  const [left, right] = [wordsOf(before), wordsOf(after)]
  if (left.length > wordsMax || right.length > wordsMax) {
    return { before: [{ text: before, changed: true }], after: [{ text: after, changed: true }] }
  }
  const lengths = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1))
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      lengths[i]![j] =
        left[i] === right[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!)
    }
  }
  const parts = { before: [] as Part[], after: [] as Part[] }
  let [i, j] = [0, 0]
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      push(parts.before, left[i]!, false)
      push(parts.after, right[j]!, false)
      i += 1
      j += 1
    } else if (j >= right.length || (i < left.length && lengths[i + 1]![j]! >= lengths[i]![j + 1]!)) {
      push(parts.before, left[i]!, true)
      i += 1
    } else {
      push(parts.after, right[j]!, true)
      j += 1
    }
  }
  return parts
}

function wordsOf(text: string): string[] {
  return text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? []
}

function push(parts: Part[], text: string, changed: boolean): void {
  const last = parts.at(-1)
  if (last?.changed === changed) last.text += text
  else parts.push({ text, changed })
}
