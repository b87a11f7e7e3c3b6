'use client'

import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import type { TrialTermsView } from '#lib/guardrails/schema/policy-trial.ts'
import { setTerms } from './actions.ts'
import { ProposedTermsNote } from './proposed-terms.client.tsx'

/** What a set is tried by before it is enforced, and who said so. */
export function TrialTermsCard({
  terms,
  personId,
  whyNot,
}: {
  terms: TrialTermsView
  /** Who is looking. */
  personId: string | null
  whyNot: string | null
}) {
  const [minutes, setMinutes] = useState(String(terms.logOnlyMinutes))
  const [calls, setCalls] = useState(String(terms.logOnlyCalls))
  const { run, pending, failed } = useAction(setTerms, ({ waits }) =>
    toast.success(waits ? 'Proposed. They hold once somebody else confirms them.' : 'They hold from now on.'),
  )
  return (
    <Card
      className="mt-5 max-w-3xl"
      title="What a set is tried by"
      description="Before a set is enforced, a replay of its text decided a recorded call again, or it was log-only for so long and judged so many calls. Whoever enforces one that was not tried says why. Less than now and than the default holds once a second person has confirmed it."
    >
      <form
        className="flex flex-wrap items-end gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          run({ logOnlyMinutes: Number(minutes), logOnlyCalls: Number(calls) })
        }}
      >
        <Field label="Minutes in log-only" error={failed?.fields['logOnlyMinutes']?.[0]}>
          <Input
            type="number"
            min={0}
            max={43_200}
            required
            className="w-32"
            value={minutes}
            onChange={(event) => setMinutes(event.target.value)}
          />
        </Field>
        <Field label="Calls judged" error={failed?.fields['logOnlyCalls']?.[0]}>
          <Input
            type="number"
            min={1}
            max={1_000_000}
            required
            className="w-32"
            value={calls}
            onChange={(event) => setCalls(event.target.value)}
          />
        </Field>
        <ActionButton type="submit" whyNot={whyNot} pending={pending}>
          Save
        </ActionButton>
      </form>
      {failed && Object.keys(failed.fields).length === 0 && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
      <p className="mt-2 text-[13px] text-muted-foreground">
        {terms.setBy === null ? (
          `The default: ${plural(terms.logOnlyMinutes, 'minute')} and ${plural(terms.logOnlyCalls, 'judged call')}.`
        ) : (
          <>
            Set by {terms.setBy} {terms.setAt && <Time value={terms.setAt} />}.
          </>
        )}{' '}
        A set that may allow what the one in force refuses is tried by{' '}
        {plural(terms.loosening.logOnlyMinutes, 'minute')} and {plural(terms.loosening.logOnlyCalls, 'judged call')} at
        least.
      </p>
      {terms.proposed && <ProposedTermsNote proposed={terms.proposed} personId={personId} whyNot={whyNot} />}
    </Card>
  )
}
