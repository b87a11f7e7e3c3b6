import { digestOf } from '#lib/core/canonical-json.ts'
import { type CheckedPolicies, checkSteps } from './check.ts'
import { unhurried } from '#lib/core/gently.ts'
import { checkInThread } from './try-policies.ts'

/** So many are remembered: the sets in use and those that are looked at. */
const rememberedMax = 8
/** A longer text takes so long that beginning a thread pays. */
const inlineMax = 10_000

const remembered = new Map<string, Promise<CheckedPolicies>>()

/** A text that was looked at before, checked without holding up this process: once for all who ask, a long one in a thread. */
export async function checkedPolicies(source: string, schema: string): Promise<CheckedPolicies> {
  const key = digestOf({ source, schema })
  const known = remembered.get(key)
  if (known) return await known
  const checking = check(source, schema)
  const oldest = remembered.size < rememberedMax ? undefined : remembered.keys().next().value
  if (oldest !== undefined) remembered.delete(oldest)
  remembered.set(key, checking)
  // What failed is tried again by the next one.
  checking.catch(() => remembered.delete(key))
  return await checking
}

async function check(source: string, schema: string): Promise<CheckedPolicies> {
  const checked = source.length > inlineMax ? await checkInThread(source, schema) : null
  return checked ?? (await unhurried(checkSteps(source, schema)))
}
