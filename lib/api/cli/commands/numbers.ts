import { UsageError } from '../errors.ts'

/** A whole number above 0 that is to be a limit; `default`: null, no own one. Anything else is a usage error, so that no slip of the hand lifts a limit. */
export function ownLimit(name: string, text: string): number | null {
  if (text === 'default') return null
  const number = /^\d+$/.test(text) ? Number(text) : 0
  if (number > 0 && Number.isSafeInteger(number)) return number
  throw new UsageError(`${name} ${JSON.stringify(text)}: write a whole number from 1 on, or default.`)
}
