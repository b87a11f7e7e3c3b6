import { Card } from '#components/ui/card.tsx'
import { DiffLines } from '#components/ui/diff-lines.tsx'
import type { PolicySetDetail } from '#lib/guardrails/schema/policy-sets.ts'

/** By which lines a set differs from the one in force. */
export function DiffCard({ set }: { set: PolicySetDetail }) {
  if (set.state === 'enforced' || !set.enforced) return null
  const title = `Against policy set ${set.enforced.number}, which is in force`
  if (set.diff.length === 0)
    return (
      <Card title={title} className="max-w-3xl">
        <p className="text-sm">It has the same text.</p>
      </Card>
    )
  return (
    <Card flush title={title}>
      <DiffLines label={title} lines={set.diff} />
    </Card>
  )
}
