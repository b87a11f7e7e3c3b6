import { RuleLink } from '#components/rules/rule-link.tsx'
import { Badge } from '#components/ui/badge.tsx'
import type { EscalationView } from '#lib/harness/schema.ts'
import { escalationWords } from './escalation-words.ts'

/** What was brought to a person: what the agent said, or the refused call with its rule. */
export function EscalationText({ escalation: { kind, title, detail, agentId } }: { escalation: EscalationView }) {
  const { summary, message, rule, serverId, decisionId } = detail
  const said = [summary, message].filter((part) => typeof part === 'string').join(' ')
  return (
    <>
      <p className="font-medium">
        <Badge tone="held">{escalationWords[kind]}</Badge> {title}
      </p>
      <p className="mt-0.5 break-words text-muted-foreground">
        {said}{' '}
        {typeof rule === 'string' && (
          <RuleLink
            id={rule}
            agentId={agentId}
            serverId={typeof serverId === 'string' ? serverId : null}
            decisionId={typeof decisionId === 'string' ? decisionId : null}
          />
        )}
      </p>
    </>
  )
}
