'use client'

import { useState } from 'react'
import { startReplay } from '../replays/actions.ts'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Select } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'

const ranges = { '1h': 'The last hour', '24h': '24 hours', '7d': '7 days', '30d': '30 days', '90d': '90 days' } as const

/** Chooses how far back and asks the worker to begin. */
export function StartReplay({ number, whyNot }: { number: number; whyNot: string | null }) {
  const [since, setSince] = useState<string>('7d')
  const { run, pending, failed } = useAction(startReplay)
  return (
    <div className="space-y-2">
      <div className="flex flex-wrap items-end gap-2">
        <Field label="Recorded calls of">
          <Select value={since} onChange={(event) => setSince(event.target.value)} className="w-40">
            {Object.entries(ranges).map(([range, label]) => (
              <option key={range} value={range}>
                {label}
              </option>
            ))}
          </Select>
        </Field>
        <ActionButton variant="primary" whyNot={whyNot} pending={pending} onClick={() => run({ number, since })}>
          Replay
        </ActionButton>
      </div>
      {failed && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
    </div>
  )
}
