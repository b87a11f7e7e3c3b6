import { plural } from './count.ts'

const units = [
  ['hour', 3600],
  ['minute', 60],
] as const

/** `90 seconds`, `15 minutes`, `24 hours`: a whole number of seconds in the largest unit that leaves no rest. */
export function durationWords(seconds: number): string {
  const [unit, size] = units.find(([, size]) => seconds >= size && seconds % size === 0) ?? ['second', 1]
  return plural(seconds / size, unit)
}
