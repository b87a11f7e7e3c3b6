'use client'

import { useOptimistic, useTransition } from 'react'
import { Select } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { wordsOf } from '#components/ui/use-action.client.ts'
import type { Channel, Kind, Mode } from '#lib/notifications/schema/kinds.ts'
import type { PreferenceView } from '#lib/notifications/schema/settings.ts'
import { choose } from './actions.ts'

const words: Record<Mode, string> = { at_once: 'at once', daily: 'daily', weekly: 'weekly', off: 'off' }

/** One choice; it holds as soon as it is made, and goes back when it is refused. */
export function ModeSelect({
  kind,
  channel,
  wish,
  label,
}: {
  kind: Kind
  channel: Channel
  wish: PreferenceView['channels'][Channel]
  label: string
}) {
  const [pending, start] = useTransition()
  const [shown, show] = useOptimistic<string>(wish.chosen ? wish.mode : '')
  const change = (value: string) =>
    start(async () => {
      show(value)
      const mode = value === '' ? null : (value as Mode)
      const outcome = await choose({ preferences: [{ kind, channel, mode }] })
      if (!outcome.ok) toast.error(wordsOf(outcome.error).message)
    })
  return (
    <Select
      aria-label={label}
      aria-busy={pending}
      className="h-8 px-2 pr-6 text-[13px]"
      value={shown}
      onChange={(event) => change(event.target.value)}
    >
      <option value="">{words[wish.standard]} (default)</option>
      {wish.modes.map((mode) => (
        <option key={mode} value={mode}>
          {words[mode]}
        </option>
      ))}
    </Select>
  )
}
