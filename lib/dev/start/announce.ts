/** A line about the start program's own progress. */
export function announce(line: string): void {
  console.log(line)
}

/** Runs a step and says how long it took if that was noticeable. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now()
  const seconds = () => ((performance.now() - started) / 1000).toFixed(1)
  const waiting = setTimeout(() => announce(`· ${title} …`), 700)
  const waitingLong = setInterval(() => announce(`  ${title}: still working, ${seconds()} s`), 20_000)
  try {
    const result = await work()
    announce(`✓ ${title} (${seconds()} s)`)
    return result
  } finally {
    clearTimeout(waiting)
    clearInterval(waitingLong)
  }
}
