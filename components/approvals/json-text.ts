/** A JSON value laid out for people. Characters that nobody sees or that turn text around are written as escapes, so that what is read is what is there. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(
    /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\udb40[\udc00-\udc7f]/g,
    (hidden) =>
      hidden
        .split('')
        .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .join(''),
  )
}

export type DiffLine = { sign: ' ' | '-' | '+'; text: string }

/** Which lines of one text another one leaves out and adds, by the longest lines they share. Beyond 500 lines the whole of both is shown. */
export function diffLines(before: string, after: string): DiffLine[] {
  const a = before.split('\n')
  const b = after.split('\n')
  if (a.length > 500 || b.length > 500) {
    return [...a.map((text) => ({ sign: '-' as const, text })), ...b.map((text) => ({ sign: '+' as const, text }))]
  }
  // shared[i][j]: how many lines a from i and b from j share, in order.
  const shared = Array.from({ length: a.length + 1 }, () => Array.from({ length: b.length + 1 }, () => 0))
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      shared[i]![j] = a[i] === b[j] ? shared[i + 1]![j + 1]! + 1 : Math.max(shared[i + 1]![j]!, shared[i]![j + 1]!)
    }
  }
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i]! })
      i += 1
      j += 1
    } else if (j >= b.length || (i < a.length && shared[i + 1]![j]! >= shared[i]![j + 1]!)) {
      lines.push({ sign: '-', text: a[i]! })
      i += 1
    } else {
      lines.push({ sign: '+', text: b[j]! })
      j += 1
    }
  }
  return lines
}
