'use client'

import { Check } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import type { EscalationView } from '#lib/harness/schema.ts'
import { resolveEscalationAction } from './actions.ts'

/** Who dealt with an escalation, or the button to say that one has. */
export function ResolveButton({ escalation, whyNot }: { escalation: EscalationView; whyNot: string | null }) {
  // A finished run is not read again, so the page keeps what was just done.
  const [done, setDone] = useState(false)
  const { run, pending, failed } = useAction(resolveEscalationAction, ({ resolved }) => {
    setDone(true)
    toast.success(resolved ? `Resolved: ${escalation.title}` : 'Someone else resolved this in the meantime.')
  })
  if (escalation.resolvedAt) {
    return (
      <span className="text-[13px] text-muted-foreground">
        resolved {escalation.resolvedBy && `by ${escalation.resolvedBy.name} `}
        <Time value={escalation.resolvedAt} />
      </span>
    )
  }
  if (done) return <Badge tone="ok">resolved</Badge>
  return (
    <>
      <ActionButton
        size="sm"
        whyNot={whyNot}
        pending={pending}
        onClick={() => run({ escalationId: escalation.id })}
        aria-label={whyNot ? undefined : `Resolve ${escalation.title}`}
      >
        <Check aria-hidden /> Resolve
      </ActionButton>
      {failed && (
        <span role="alert" className="text-[13px] text-danger">
          {failed.message}
        </span>
      )}
    </>
  )
}
