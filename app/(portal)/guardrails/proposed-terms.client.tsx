'use client'

import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { plural } from '#components/ui/count.ts'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { ProposedTerms } from '#lib/guardrails/schema/policy-trial.ts'
import { confirmTerms, withdrawTerms } from './actions.ts'

type Props = { proposed: ProposedTerms; personId: string | null; whyNot: string | null }

/** Terms below the defaults that somebody has proposed: somebody else confirms them, or who did takes them back. */
export function ProposedTermsNote({ proposed, personId, whyNot }: Props) {
  const { logOnlyMinutes, logOnlyCalls, by, at } = proposed
  const words = `${plural(logOnlyMinutes, 'minute')} and ${plural(logOnlyCalls, 'judged call')}`
  return (
    <Notice kind="warn" className="mt-3" title="Less waits for a second person">
      <p>
        {by.name} proposes {words}, <Time value={at} />. The terms above hold until somebody else confirms these.
      </p>
      <div className="mt-2">
        {by.id === personId ? (
          <ConfirmButton
            label="Take back"
            object="the proposed terms"
            title="Take back the proposed terms"
            description="The terms that hold go on as if you had not proposed others."
            confirm="Take them back"
            action={withdrawTerms}
            input={{}}
            whyNot={whyNot}
            said="They are not proposed any more."
          />
        ) : (
          <ConfirmButton
            label="Confirm"
            object="the proposed terms"
            title="Let the proposed terms hold"
            description={`A set counts as tried from ${words} on, which is less than the default.`}
            confirm="Let them hold"
            action={confirmTerms}
            input={{ logOnlyMinutes, logOnlyCalls }}
            whyNot={whyNot}
            said="They hold from now on."
          />
        )}
      </div>
    </Notice>
  )
}
