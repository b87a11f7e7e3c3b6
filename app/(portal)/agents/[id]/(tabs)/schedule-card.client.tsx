'use client'

import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Card } from '#components/ui/card.tsx'
import { Field } from '#components/ui/field.tsx'
import { Checkbox, Input } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { schedule } from '../actions.ts'

type Schedule = { schedule: string | null; enabled: boolean }

export function ScheduleCard({
  agentId,
  revision,
  initial,
  whyNot,
}: {
  agentId: string
  /** Of the agent as it is shown. */
  revision: string
  initial: Schedule
  whyNot: string | null
}) {
  const [cron, setCron] = useState(initial.schedule ?? '')
  const [enabled, setEnabled] = useState(initial.enabled)
  const { run, pending, failed } = useAction(schedule, () => toast.success('Schedule saved.'))
  const changed = cron.trim() !== (initial.schedule ?? '') || enabled !== initial.enabled
  return (
    <Card title="Schedule">
      <form
        className="grid gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          run({ agentId, revision, schedule: cron.trim() || null, enabled })
        }}
      >
        <Field
          label="Cron expression"
          hint="Five fields in UTC: minute, hour, day, month, weekday. Empty: only started by hand."
          error={failed?.fields['schedule']?.[0]}
        >
          <Input
            value={cron}
            onChange={(event) => setCron(event.target.value)}
            className="max-w-64 font-mono"
            autoComplete="off"
            disabled={whyNot !== null}
          />
        </Field>
        <label className="flex items-center gap-2">
          <Checkbox
            checked={enabled}
            onChange={(event) => setEnabled(event.target.checked)}
            disabled={whyNot !== null}
          />{' '}
          Start runs by this schedule
        </label>
        {failed && !failed.fields['schedule'] && (
          <Notice kind="danger" requestId={failed.requestId}>
            {failed.message}
          </Notice>
        )}
        <div>
          <ActionButton
            type="submit"
            size="sm"
            whyNot={whyNot ?? (changed ? null : 'Nothing has been changed.')}
            pending={pending}
          >
            Save schedule
          </ActionButton>
        </div>
      </form>
    </Card>
  )
}
