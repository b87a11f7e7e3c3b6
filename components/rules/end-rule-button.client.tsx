'use client'

import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import type { Result } from '#lib/core/result.ts'
import type { EndAsked } from './end-asked-note.tsx'

type Action = (input: {
  ruleId: string
  reason: string
}) => Promise<Result<{ removed: boolean; waits: boolean }, unknown>>

type Withdraw = (input: { ruleId: string }) => Promise<Result<null, unknown>>

/** Ends a rule that two people end: the first one asks for it, another one does it. */
export function EndRuleButton({
  rule,
  personId,
  label = 'Remove',
  description,
  action,
  withdraw,
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
  /** Takes back that one has asked for its end. */
  withdraw: Withdraw
  whyNot: string | null
  /** Whether it takes a second person: always, where it makes something easier, or never. */
  second: 'always' | 'if_easier' | 'never'
}) {
  const { id, title, endAsked } = rule
  const own = endAsked !== null && endAsked.by.id === personId
  const then = {
    always: 'It holds until somebody else removes it, too.',
    if_easier: 'Where that makes approval easier, it holds until somebody else removes it, too.',
    never: '',
  }[endAsked ? 'never' : second]
  // Who asked for it waits for somebody else; what they can do meanwhile is to take it back.
  if (own) {
    return (
      <ConfirmButton
        label="Take back"
        object={`the end of “${title}”`}
        title={`Let “${title}” go on`}
        description="You asked for its end, and nobody else has confirmed it. It goes on as if you had not."
        confirm="Take it back"
        action={withdraw}
        input={{ ruleId: id }}
        whyNot={whyNot}
        said="The rule goes on."
      />
    )
  }
  return (
    <ReasonButton
      label={endAsked ? 'Confirm removal' : label}
      size="sm"
      title={endAsked ? `Remove “${title}” as the second person` : `Remove “${title}”`}
      description={`${description} ${then}`.trim()}
      confirm={endAsked ? 'Confirm removal' : 'Remove'}
      action={action}
      input={{ ruleId: id }}
      whyNot={whyNot}
      said={saidOf}
    />
  )
}

/** What came of it: who asked first may have been too long ago, or gone, so the answer says it, not what the page had shown. */
function saidOf({ removed, waits }: { removed: boolean; waits: boolean }): string {
  if (waits) return 'Noted. It holds until somebody else confirms its end.'
  return removed ? 'The rule is removed.' : 'It was removed already.'
}
