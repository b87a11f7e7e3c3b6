import { afterEach, beforeEach } from 'vitest'

// A test that makes the product print an error has found one, or forgot to say that it expects it.
const original = console.error
let printed: unknown[][] = []

beforeEach(() => {
  printed = []
  console.error = (...values: unknown[]) => {
    printed.push(values)
    original(...values)
  }
})

afterEach(() => {
  console.error = original
  if (printed.length)
    throw new Error(`console.error was called: ${printed.map((values) => values.map(String).join(' ')).join('\n')}`)
})
