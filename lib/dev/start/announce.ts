/** A line on the start program's own progress; times are since the program began. */
export function announce(line: string): void {
  console.log(line)
}

/** Runs a step and says how long it took if that was noticeable. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now()
  const waiting = setTimeout(() => announce(`· ${title} …`), 700)
  try {
    const result = await work()
    announce(`✓ ${title} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
    return result
  } finally {
    clearTimeout(waiting)
  }
}
