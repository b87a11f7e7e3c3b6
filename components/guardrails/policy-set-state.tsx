import { CircleCheck, Eye, History, PenLine, Trash2 } from 'lucide-react'
import { Badge } from '#components/ui/badge.tsx'
import type { PolicySetState as State } from '#lib/guardrails/schema/policy-sets.ts'

const looks = {
  draft: { tone: 'neutral', icon: PenLine, label: 'draft' },
  log_only: { tone: 'warn', icon: Eye, label: 'log-only' },
  enforced: { tone: 'ok', icon: CircleCheck, label: 'enforced' },
  discarded: { tone: 'outline', icon: Trash2, label: 'thrown away' },
  superseded: { tone: 'outline', icon: History, label: 'superseded' },
} as const satisfies Record<State, object>

/** Where a policy set is in its life. */
export function PolicySetState({ state }: { state: State }) {
  const { tone, icon: Icon, label } = looks[state]
  return (
    <Badge tone={tone}>
      <Icon aria-hidden />
      {label}
    </Badge>
  )
}
