import type { RuleWords } from '../schema.ts'
import { registryRuleWords } from './other-rules/registry.ts'
import { requestRuleWords } from './other-rules/requests.ts'
import { appRuleWords, signInRuleWords } from './other-rules/sign-in.ts'

/** Rules that refuse what people and apps send, by id: signing in, the registry, and requests as such. */
export const otherRules: Readonly<Record<string, RuleWords>> = {
  ...signInRuleWords,
  ...appRuleWords,
  ...registryRuleWords,
  ...requestRuleWords,
}
