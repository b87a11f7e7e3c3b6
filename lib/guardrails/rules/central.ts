import { centralKeeper, type RuleWords } from '../schema.ts'
import type { PolicyWords } from '../schema/policy-sets.ts'

/** The entry of a central policy, from the words beside its code; `setBy` says whose decision it is when that is known. */
export function centralRule({ title, explanation, remedy }: PolicyWords, setBy?: string): RuleWords {
  return { title, explanation, remedy, setBy: setBy ?? 'Platform (central policy)', changedBy: centralKeeper }
}
