import { DomainError } from '#lib/core/errors.ts'

let broken: string | null = null

/** Why Cedar judges nothing more in this process until it is started anew; null: it does. */
export function cedarProblem(): string | null {
  return broken
}

/**
 * Calls Cedar. What breaks off in the middle of it (its stack is small, and what overflows it is not cleaned up) leaves it in a state in which no answer can be
 * believed: from then on nothing is asked of it, and this throws `unavailable`.
 */
export function withCedar<T>(ask: () => T): T {
  if (broken !== null) throw new DomainError('unavailable', broken)
  try {
    return ask()
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) {
      broken = `Cedar broke off (${error.message}): this process must be started anew.`
    }
    throw error
  }
}
