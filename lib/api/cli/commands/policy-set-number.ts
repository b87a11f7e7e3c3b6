import { UsageError } from '../errors.ts'

/** The number by which a policy set is known. */
export function policySetNumber(text: string): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : 0
  if (number > 0) return number
  throw new UsageError(`${text} is no number of a policy set: see wheelhouse policy-sets list.`)
}
