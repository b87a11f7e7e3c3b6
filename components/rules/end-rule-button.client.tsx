import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { Result } from '#lib/core/result.ts'

type EndAsked = { by: { id: string; name: string }; at: string; reason: string } | null
type Action = (input: { ruleId: string; reason: string }) => Promise<Result<unknown, unknown>>

/** Ends a rule that two people end: the first one asks for it, another one does it. */
export function EndRuleButton({
  rule,
  personId,
  label = 'Remove',
  description,
  action,
  whyNot,
  second,
}: {
  rule: { id: string; title: string; endAsked: EndAsked }
  /** Who is looking. */
  personId: string | null
  label?: string
  /** What happens without the rule, in a sentence. */
  description: string
  action: Action
  whyNot: string | null
  /** Whether it takes a second person: always, where it makes something easier, or never. */
  second: 'always' | 'if_easier' | 'never'
}) {
  const { id, title, endAsked } = rule
  const own = endAsked !== null && endAsked.by.id === personId
  const words = {
    always: ['It holds until somebody else removes it, too.', 'Noted. Somebody else confirms it; until then it holds.'],
    if_easier: [
      'Where that makes approval easier, it holds until somebody else removes it, too.',
      'Noted. Where it makes approval easier, somebody else confirms it.',
    ],
    never: ['', 'The rule is removed.'],
  } as const
  const [then, said] = endAsked ? words.never : words[second]
  return (
    <ReasonButton
      label={endAsked ? 'Confirm removal' : label}
      size="sm"
      title={endAsked ? `Remove “${title}” as the second person` : `Remove “${title}”`}
      description={`${description} ${then}`.trim()}
      confirm={endAsked ? 'Confirm removal' : 'Remove'}
      action={action}
      input={{ ruleId: id }}
      whyNot={whyNot ?? (own ? 'You asked for its end, so somebody else confirms it.' : null)}
      said={said}
    />
  )
}

/** Who has asked for the end of a rule, and why. */
export function EndAskedNote({ endAsked }: { endAsked: EndAsked }) {
  if (!endAsked) return null
  return (
    <span className="block text-[13px] break-words text-muted-foreground">
      {endAsked.by.name} asked for its end <Time value={endAsked.at} />: {endAsked.reason}
    </span>
  )
}
