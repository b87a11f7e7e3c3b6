'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { plural } from '#components/ui/count.ts'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import type { BulkEligibility, BulkMove } from '#lib/lifecycle/schema.ts'
import { moveMany } from './actions.ts'

const words = {
  suspend: { label: 'Suspend', done: 'suspended' },
  resume: { label: 'Resume', done: 'resumed' },
} as const

/** Says with how many of the selected agents it can be done and why not with the others, asks for a reason, and does it. */
export function BulkDialog({
  asked: { move, found },
  pending,
  failed,
  total,
  onClose,
}: {
  asked: { move: BulkMove; found: BulkEligibility }
  pending: boolean
  failed: string | null
  total: number
  onClose: () => void
}) {
  const [reason, setReason] = useState('')
  const router = useRouter()
  const { label, done } = words[move]
  const act = useAction(moveMany, (outcome) => {
    const text = `${outcome.moved.length} of ${total} ${done}.`
    if (outcome.refused.length > 0) toast.warning(`${text} ${outcome.refused[0]!.message}`)
    else toast.success(text)
    onClose()
    router.refresh()
  })
  const problem = failed ?? act.failed?.message
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={`${label} agents`}
      description={pending ? 'Looking…' : `${found.eligible.length} of ${total} eligible`}
    >
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault()
          act.run({ agentIds: found.eligible, move, reason })
        }}
      >
        {found.refused.length > 0 && (
          <details className="text-sm">
            <summary>Why {plural(found.refused.length, 'agent')} will be left as they are</summary>
            <ul className="mt-2 max-h-40 space-y-1 overflow-y-auto">
              {found.refused.map(({ agentId, message }) => (
                <li key={agentId}>
                  <code>{agentId}</code>: {message}
                </li>
              ))}
            </ul>
          </details>
        )}
        <Field label="Reason" required error={act.failed?.fields['reason']?.[0]}>
          <Textarea value={reason} onChange={(event) => setReason(event.target.value)} maxLength={500} rows={3} />
        </Field>
        {problem && <Notice kind="danger">{problem}</Notice>}
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            variant="danger"
            pending={act.pending}
            disabled={pending || act.pending || found.eligible.length === 0}
          >
            {label} {plural(found.eligible.length, 'agent')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
