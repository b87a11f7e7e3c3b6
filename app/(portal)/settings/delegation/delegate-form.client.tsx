'use client'

import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { nameDelegate } from './actions.ts'

/** Times are those of the device; what is sent is an instant. */
export function DelegateForm({ people }: { people: readonly { id: string; name: string }[] }) {
  const [delegateId, setDelegateId] = useState('')
  const [from, setFrom] = useState('')
  const [until, setUntil] = useState('')
  const [reason, setReason] = useState('')
  const { run, pending, failed } = useAction(nameDelegate, () => {
    toast.success('They are asked in your place, and have been told.')
    setUntil('')
    setReason('')
  })
  const error = (field: string) => failed?.fields[field]?.[0]
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        run({
          delegateId,
          endsAt: instant(until),
          reason,
          ...(from === '' ? {} : { startsAt: instant(from) }),
        })
      }}
    >
      <Field label="Who" required error={error('delegateId')}>
        <Select value={delegateId} onChange={(event) => setDelegateId(event.target.value)}>
          <option value="">Choose</option>
          {people.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Select>
      </Field>
      <Field label="From" hint="By the clock of this device. Empty: from now on." error={error('startsAt')}>
        <Input type="datetime-local" value={from} onChange={(event) => setFrom(event.target.value)} />
      </Field>
      <Field label="Until" hint="By the clock of this device." required error={error('endsAt')}>
        <Input type="datetime-local" value={until} onChange={(event) => setUntil(event.target.value)} />
      </Field>
      <Field label="Why" hint="Who stands in reads it." required error={error('reason')}>
        <Input value={reason} maxLength={300} onChange={(event) => setReason(event.target.value)} />
      </Field>
      {failed && Object.keys(failed.fields).length === 0 && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
      <div className="flex justify-end">
        <Button type="submit" variant="primary" pending={pending}>
          Name them
        </Button>
      </div>
    </form>
  )
}

/** Empty stays empty: the server says what is missing. */
function instant(local: string): string {
  const at = new Date(local)
  return Number.isNaN(at.getTime()) ? '' : at.toISOString()
}
