import { Card } from '#components/ui/card.tsx'
import type { PolicySetDetail } from '#lib/guardrails/schema/policy-sets.ts'

/** Whether recorded calls were replayed with the text of a set. */
export function ReplayReport({ set }: { set: PolicySetDetail }) {
  return (
    <Card title="Replay" className="max-w-3xl">
      <p className="text-sm">
        {set.evidence.replayed
          ? 'Recorded calls were replayed with this text.'
          : 'No recorded calls have been replayed with this text.'}
      </p>
    </Card>
  )
}
