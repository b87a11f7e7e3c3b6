import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { formatCount } from '#components/ui/count.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { durationWords } from '#lib/core/duration.ts'
import { paths } from '#lib/core/paths.ts'
import { decideSecondsMax } from '#lib/guardrails/schema/held-calls.ts'
import { type HoldSuggestion, suggestionLimits } from '#lib/guardrails/schema/hold-insight.ts'
import { suggestionText } from '#lib/guardrails/schema/suggestion-words.ts'
import { removeRule } from '../actions.ts'
import { changeRuleHref } from '../rule-change.ts'

/** Changes of rules that the figures speak for: the figures first, then what one click prepares. */
export function Suggestions({
  suggestions,
  whyNot,
}: {
  suggestions: readonly HoldSuggestion[]
  whyNot: string | null
}) {
  const { approvedInARow, rejectedInARow, ended } = suggestionLimits
  return (
    <Card title="What the figures speak for">
      {suggestions.length === 0 ? (
        <EmptyState title="No rule needs a change by its figures">
          It takes {approvedInARow} approvals, {rejectedInARow} rejections or {ended} ended calls that all say the same,
          or a rule that held nothing for {suggestionLimits.idleDays} days.
        </EmptyState>
      ) : (
        <ul className="divide-y">
          {suggestions.map((suggestion) => (
            <li key={keyOf(suggestion)} className="grid gap-2 py-3 first:pt-0 last:pb-0">
              <p>{suggestionText(suggestion)}</p>
              <Ways suggestion={suggestion} whyNot={whyNot} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function Ways({ suggestion, whyNot }: { suggestion: HoldSuggestion; whyNot: string | null }) {
  switch (suggestion.kind) {
    case 'always_approved': {
      const { rule, approved, narrower } = suggestion
      return (
        <>
          {narrower.map(({ pointer, min, max, holdFrom }) => (
            <Way
              key={pointer}
              says={`In all of them ${pointer} was ${min === max ? min : `between ${min} and ${max}`}.`}
              href={changeRuleHref({ replace: rule.id, pointer, holdFrom })}
              label={`Hold from ${pointer} ${holdFrom} on`}
            />
          ))}
          <Remove
            rule={rule}
            whyNot={whyNot}
            says={`Without the rule, calls like these ${formatCount(approved)} go through at once.`}
          />
        </>
      )
    }
    case 'always_rejected': {
      const { server, tool, agents } = suggestion
      const [agent] = agents
      return agents.length === 1 && agent ? (
        <Way
          says="A grant that covers it may go."
          href={paths.agent(agent.id, 'scopes')}
          label={`Grants of ${agent.name}`}
        />
      ) : (
        <Way
          says={`Several agents call it: a guardrail, or another class of the tool, says no to all of them.`}
          href={paths.serverTool(server.id, tool)}
          label={`See ${tool}`}
        />
      )
    }
    case 'mostly_expired': {
      const { rule, decideSeconds } = suggestion
      const seconds = Math.min(decideSecondsMax, decideSeconds * 2)
      return (
        <Way
          says={`They have ${durationWords(decideSeconds)}. Give twice the time, or add others who decide.`}
          href={changeRuleHref({ replace: rule.id, seconds })}
          label="Change the rule"
        />
      )
    }
    case 'never_met':
      return (
        <Remove rule={suggestion.rule} whyNot={whyNot} says="A rule that holds nothing is one to read for nothing." />
      )
  }
}

function Way({ says, href, label }: { says: string; href: string; label: string }) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Button asChild size="sm">
        <Link href={href}>{label}</Link>
      </Button>
      <span className="min-w-0 text-[13px] break-words text-muted-foreground">{says}</span>
    </div>
  )
}

function Remove({ rule, whyNot, says }: { rule: { id: string; title: string }; whyNot: string | null; says: string }) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <ReasonButton
        label="Remove the rule"
        size="sm"
        title={`Remove the rule “${rule.title}”`}
        description="Such calls go through without a person from then on; those that wait already still wait. It holds until somebody else removes it, too."
        confirm="Remove"
        action={removeRule}
        input={{ ruleId: rule.id }}
        whyNot={whyNot}
        said="Noted: when two people have removed it, it holds no more."
      />
      <span className="min-w-0 text-[13px] text-muted-foreground">{says}</span>
    </div>
  )
}

function keyOf(suggestion: HoldSuggestion): string {
  return suggestion.kind === 'always_rejected'
    ? `${suggestion.server.id}/${suggestion.tool}`
    : `${suggestion.kind} ${suggestion.rule.id}`
}
