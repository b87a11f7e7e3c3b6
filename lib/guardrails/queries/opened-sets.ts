import type { PolicySet } from '../rules/policy-set.ts'
import { openPolicySet, type StoredPolicySet } from './policy-source.ts'

/** So many are kept ready: the enforced one and those that are looked at. */
const openedMax = 5
const opened = new Map<string, Promise<PolicySet>>()

/** A stored set, ready to judge: opened once for all who ask. One that failed to open refuses for who asked, and is opened anew for the next. */
export async function openedPolicySet(set: StoredPolicySet): Promise<PolicySet> {
  const known = opened.get(set.version)
  if (known) return await known
  const opening = openPolicySet(set)
  for (const version of [...opened.keys()].slice(0, Math.max(0, opened.size + 1 - openedMax))) opened.delete(version)
  opened.set(set.version, opening)
  const ready = await opening
  if (ready.failed && opened.get(set.version) === opening) opened.delete(set.version)
  return ready
}
