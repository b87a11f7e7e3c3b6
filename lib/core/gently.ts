import { setImmediate as pause } from 'node:timers/promises'

/** Longer in one go would hold up calls. */
const inOneGoMs = 10

/** Does the steps one after the other, and lets what else this process does go on in between. */
export async function unhurried<T>(steps: Generator<void, T>): Promise<T> {
  let since = performance.now()
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    if (performance.now() - since < inOneGoMs) continue
    await pause()
    since = performance.now()
  }
}

/** Does them in one go. */
export function finished<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}
