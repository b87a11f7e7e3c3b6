'use client'

import { OctagonX } from 'lucide-react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { useStopDialog } from './stop-dialog.client.tsx'
import type { StopTarget } from './stop-form.client.tsx'

/** In every page's header, and beside an agent's name. */
export function StopButton({
  target,
  whyNot,
  label = 'Stop',
}: {
  target?: StopTarget
  whyNot?: string | null
  label?: string
}) {
  const dialog = useStopDialog()
  return (
    <ActionButton
      variant="danger-outline"
      whyNot={whyNot ?? dialog.whyNot}
      onClick={() => dialog.open(target)}
      aria-haspopup="dialog"
    >
      <OctagonX aria-hidden /> {label}
    </ActionButton>
  )
}
