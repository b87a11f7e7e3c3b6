import { explainRule } from '#lib/guardrails/rules/explain.ts'
import { type RuleLinkProps, TitledRuleLink } from './titled-rule-link.client.tsx'

/**
 * A rule that refused, held or stopped something: leads to what it says, who set it and who can change it. On a page of the server its
 * title is found there, so that the words of all rules stay out of the browser.
 */
export function RuleLink(props: RuleLinkProps) {
  return <TitledRuleLink {...props} title={explainRule(props.id).title} />
}
