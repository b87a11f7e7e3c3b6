'use client'

import { ClipboardCheck } from 'lucide-react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { review } from '../actions.ts'

/** Notes that somebody has looked whether the agent is still needed and its scopes still fit. */
export function ReviewButton({
  agentId,
  revision,
  whyNot,
}: {
  agentId: string
  revision: string
  whyNot: string | null
}) {
  const { run, pending, failed } = useAction(review, () => toast.success('Review noted.'))
  return (
    <>
      {failed && (
        <span role="alert" className="text-[13px] text-danger">
          {failed.message}
        </span>
      )}
      <ActionButton size="sm" whyNot={whyNot} pending={pending} onClick={() => run({ agentId, revision })}>
        <ClipboardCheck aria-hidden /> Mark as reviewed
      </ActionButton>
    </>
  )
}
