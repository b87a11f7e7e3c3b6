'use client'

import type { EscalationView } from '#lib/harness/schema.ts'
import { EscalationText } from './escalation-text.tsx'
import { ResolveButton } from './resolve-button.client.tsx'

type Props = { escalations: readonly EscalationView[]; whyNotResolve: string | null }

/** What a run brought to people, each until somebody has dealt with it. */
export function EscalationList({ escalations, whyNotResolve }: Props) {
  if (escalations.length === 0) return <p className="text-sm text-muted-foreground">Nothing was brought to a person.</p>
  return (
    <ul aria-label="Escalations of this run" className="space-y-3">
      {escalations.map((escalation) => (
        <li key={escalation.id} className="space-y-1 text-sm">
          <EscalationText escalation={escalation} />
          <ResolveButton escalation={escalation} whyNot={whyNotResolve} />
        </li>
      ))}
    </ul>
  )
}
