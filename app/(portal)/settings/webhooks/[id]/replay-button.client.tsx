'use client'

import { Button } from '#components/ui/button.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { replay } from '../actions.ts'

export function ReplayButton({
  webhookId,
  deliveryId,
  label,
}: {
  webhookId: string
  deliveryId: string
  label: string
}) {
  const { run, pending, failed } = useAction(replay, () => toast.success('It will be sent again.'))
  return (
    <>
      <Button size="sm" pending={pending} onClick={() => run({ webhookId, deliveryId })}>
        {label}
      </Button>
      {failed && <p className="mt-1 text-[13px] text-danger">{failed.message}</p>}
    </>
  )
}
