'use client'

import { Button } from '#components/ui/button.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import type { withdraw as withdrawAction } from './actions.ts'

/** The requester takes the request back; nothing was granted, so nothing is asked. */
export function WithdrawButton({ requestId, withdraw }: { requestId: string; withdraw: typeof withdrawAction }) {
  const { run, pending, failed } = useAction(withdraw)
  return (
    <>
      <Button pending={pending} onClick={() => run({ requestId })}>
        Withdraw
      </Button>
      {failed && <Notice kind="danger">{failed.message}</Notice>}
    </>
  )
}
