'use client'

import { useQueryClient } from '@tanstack/react-query'
import type { orderStop } from '#app/(portal)/actions.ts'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { StopForm, type StopTarget } from './stop-form.client.tsx'

/** The stop dialog, open. */
export function StopAgents({
  initial,
  order,
  onClose,
}: {
  initial: StopTarget
  order: typeof orderStop
  onClose: () => void
}) {
  const queries = useQueryClient()
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Stop agents"
      description="What is stopped is refused at once, and open runs of stopped agents are interrupted. Nothing restarts by itself."
    >
      <StopForm
        initial={initial}
        order={order}
        onDone={() => {
          onClose()
          void queries.invalidateQueries({ queryKey: ['stops'] })
        }}
      />
    </Dialog>
  )
}
