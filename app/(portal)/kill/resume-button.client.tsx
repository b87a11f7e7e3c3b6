'use client'

import { useQueryClient } from '@tanstack/react-query'
import { openStopsQuery } from '#components/stops/queries.ts'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { releaseAction } from './actions.ts'

type Props = { orderId: string; name: string; typeToConfirm: string; whyNot: string | null }

/** Releases a stop order; the banner above every page goes at once. */
export function ResumeButton({ orderId, name, typeToConfirm, whyNot }: Props) {
  const client = useQueryClient()
  return (
    <ReasonButton
      label="Resume"
      title={`Resume ${name}`}
      description="Launches and calls are allowed again from now on. Nothing that was stopped restarts by itself."
      confirm="Resume"
      typeToConfirm={typeToConfirm}
      variant="primary"
      action={releaseAction}
      input={{ orderId }}
      whyNot={whyNot}
      onDone={() => void client.invalidateQueries({ queryKey: openStopsQuery().queryKey })}
    />
  )
}
