import type { Denial, RuleId } from '#lib/guardrails/schema.ts'

/** What a person ends by giving, renewing or approving something. */
const ended: ReadonlySet<RuleId> = new Set<RuleId>(['grant_missing', 'grant_expired', 'tool_quarantined'])

/**
 * Whether a refusal may be of a moment ago: who was just told that a scope is granted expects the next call to go, at whichever replica it
 * arrives. So before it is said the registry is read once more, which many refused calls share (`ViewKeeper.refreshSoon`).
 */
export function mayBeOutdated({ rule }: Denial): boolean {
  return ended.has(rule)
}
