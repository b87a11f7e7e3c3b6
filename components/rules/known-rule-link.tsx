import { isRuleId } from '#lib/guardrails/rules/explain.ts'
import { RuleLink } from './rule-link.tsx'

/** The link to a rule that refuses agents and runs; nothing for other ids. */
export function KnownRuleLink({ id, agentId }: { id: string; agentId: string }) {
  return isRuleId(id) ? <RuleLink id={id} agentId={agentId} /> : null
}
