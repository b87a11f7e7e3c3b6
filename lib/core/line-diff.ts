/** More lines than this are shown as taken away and put in, without looking for what they have in common. */
const linesMax = 400
const context = 2

/** How one text becomes another, line by line: `-`, `+`, and a few lines around that stay. */
export function lineDiff(before: string, after: string): string[] {
  const [all, others] = [before.split('\n'), after.split('\n')]
  const start = commonStart(all, others)
  const end = commonStart(all.slice(start).toReversed(), others.slice(start).toReversed())
  const same = (lines: readonly string[]) => lines.map((line) => `  ${line}`)
  const between = differ(all.slice(start, all.length - end), others.slice(start, others.length - end))
  return aroundChanges([...same(all.slice(0, start)), ...between, ...same(end > 0 ? all.slice(-end) : [])])
}

function differ(a: readonly string[], b: readonly string[]): string[] {
  if (a.length > linesMax || b.length > linesMax)
    return [...a.map((line) => `- ${line}`), ...b.map((line) => `+ ${line}`)]
  return walk(a, b)
}

function commonStart(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((line, at) => line !== b[at])
  return at === -1 ? Math.min(a.length, b.length) : at
}

/** The longest common subsequence, by the usual table. */
function walk(a: readonly string[], b: readonly string[]): string[] {
  const common = Array.from({ length: a.length + 1 }, () => Array.from({ length: b.length + 1 }, () => 0))
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i]![j] = a[i] === b[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!)
    }
  }
  const lines: string[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(`  ${a[i]}`)
      i += 1
      j += 1
    } else if (j < b.length && (i === a.length || common[i]![j + 1]! > common[i + 1]![j]!)) {
      lines.push(`+ ${b[j]}`)
      j += 1
    } else {
      lines.push(`- ${a[i]}`)
      i += 1
    }
  }
  return lines
}

function aroundChanges(lines: readonly string[]): string[] {
  const near = (at: number) =>
    lines.slice(Math.max(0, at - context), at + context + 1).some((line) => !line.startsWith('  '))
  return lines.flatMap((line, at) => {
    if (near(at)) return [line]
    return at > 0 && near(at - 1) ? ['  …'] : []
  })
}
