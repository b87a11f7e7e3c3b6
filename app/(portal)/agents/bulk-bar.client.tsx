'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '#components/ui/button.tsx'
import { plural } from '#components/ui/count.ts'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import type { BulkEligibility, BulkMove } from '#lib/lifecycle/schema.ts'
import { hrefWith } from '#lib/web/search.ts'
import { bulkEligible, moveMany } from './actions.ts'
import { useSelection } from './selection.client.tsx'

const words = {
  suspend: { label: 'Suspend', done: 'suspended' },
  resume: { label: 'Resume', done: 'resumed' },
} as const
/** What an address may hold. */
const exportMax = 200

/** What can be done with the selected agents; which of them it can be done with is asked first. */
export function BulkBar() {
  const { ids, clear } = useSelection()
  const [asked, setAsked] = useState<{ move: BulkMove; found: BulkEligibility } | null>(null)
  const selected = [...ids]
  const ask = useAction(bulkEligible, (found) => setAsked((before) => (before ? { ...before, found } : null)))
  if (selected.length === 0) return null
  const open = (move: BulkMove): void => {
    setAsked({ move, found: { move, eligible: [], refused: [] } })
    ask.run({ agentIds: selected, move })
  }
  const tooMany = selected.length > exportMax
  return (
    <section
      aria-label="Selected agents"
      className="mb-3 flex flex-wrap items-center gap-2 rounded-md border bg-accent-soft px-3 py-2 text-sm"
    >
      <p className="mr-2 font-medium">{plural(selected.length, 'agent')} selected</p>
      <Button size="sm" onClick={() => open('suspend')}>
        Suspend
      </Button>
      <Button size="sm" onClick={() => open('resume')}>
        Resume
      </Button>
      {tooMany ? (
        <span className="text-muted-foreground">Export at most {exportMax} selected, or all that match.</span>
      ) : (
        (['csv', 'yaml'] as const).map((format) => (
          <Button key={format} size="sm" asChild>
            <a href={hrefWith('/api/portal/agents/export', { ids: selected.join(','), format })} download>
              Export {format.toUpperCase()}
            </a>
          </Button>
        ))
      )}
      <Button size="sm" variant="ghost" onClick={clear}>
        Clear selection
      </Button>
      {asked && (
        <BulkDialog
          asked={asked}
          pending={ask.pending}
          failed={ask.failed?.message ?? null}
          total={selected.length}
          onClose={() => setAsked(null)}
        />
      )}
    </section>
  )
}

function BulkDialog({
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
