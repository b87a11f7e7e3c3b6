'use client'

import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import type { NotificationSettingsView } from '#lib/notifications/schema/settings.ts'
import { setDigest } from './actions.ts'

const days = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']

export function DigestForm({ initial }: { initial: NotificationSettingsView['digest'] }) {
  const [timeZone, setTimeZone] = useState(initial.timeZone)
  const [hour, setHour] = useState(String(initial.hour))
  const [weekday, setWeekday] = useState(String(initial.weekday))
  const { run, pending, failed } = useAction(setDigest, () => toast.success('Digests come then.'))
  const zones = Intl.supportedValuesOf('timeZone')
  return (
    <form
      className="grid gap-3"
      onSubmit={(event) => {
        event.preventDefault()
        run({ timeZone, hour: Number(hour), weekday: Number(weekday) })
      }}
    >
      <Field label="Time zone" error={failed?.fields['timeZone']?.[0]}>
        <Input
          list="time-zones"
          value={timeZone}
          autoComplete="off"
          onChange={(event) => setTimeZone(event.target.value)}
        />
      </Field>
      <datalist id="time-zones">
        {zones.map((zone) => (
          <option key={zone} value={zone}>
            {zone}
          </option>
        ))}
      </datalist>
      <div className="grid grid-cols-2 gap-3">
        <Field label="Hour there">
          <Select value={hour} onChange={(event) => setHour(event.target.value)}>
            {Array.from({ length: 24 }, (_, each) => (
              <option key={each} value={each}>{`${String(each).padStart(2, '0')}:00`}</option>
            ))}
          </Select>
        </Field>
        <Field label="Weekly on">
          <Select value={weekday} onChange={(event) => setWeekday(event.target.value)}>
            {days.map((day, index) => (
              <option key={day} value={index + 1}>
                {day}
              </option>
            ))}
          </Select>
        </Field>
      </div>
      {failed && Object.keys(failed.fields).length === 0 && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
      <div className="flex flex-wrap justify-end gap-2">
        <Button
          type="button"
          size="sm"
          variant="ghost"
          onClick={() => setTimeZone(Intl.DateTimeFormat().resolvedOptions().timeZone)}
        >
          Use this device’s zone
        </Button>
        <Button type="submit" size="sm" pending={pending}>
          Save
        </Button>
      </div>
    </form>
  )
}
