'use client'

import { ActionButton } from '#components/ui/action-button.client.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import type { SetServerGuardsInput } from '#lib/guardrails/schema/server-guards.ts'
import { setGuards } from './guards-actions.ts'

/** One guard: what it does, whether it is on, and the button that changes that. */
export function GuardSwitch({
  serverId,
  guard,
  label,
  hint,
  on,
  whyNot,
}: {
  serverId: string
  guard: keyof Omit<SetServerGuardsInput, 'serverId'>
  label: string
  hint: string
  on: boolean
  whyNot: string | null
}) {
  const { run, pending, failed } = useAction(setGuards, ({ waits }) =>
    toast.success(
      waits
        ? `${label}: off is proposed, and counts when somebody else confirms it.`
        : `${label}: ${on ? 'off' : 'on'}.`,
    ),
  )
  return (
    <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
      <div className="min-w-0">
        <p className="text-sm font-medium">
          {label}: {on ? 'on' : 'off'}
        </p>
        <p className="text-[13px] text-muted-foreground">{hint}</p>
        {failed && (
          <p role="alert" className="text-[13px] text-danger">
            {failed.message}
          </p>
        )}
      </div>
      <ActionButton
        size="sm"
        aria-label={`Switch ${on ? 'off' : 'on'}: ${label.toLowerCase()}`}
        pending={pending}
        whyNot={whyNot}
        onClick={() => run({ serverId, [guard]: !on })}
      >
        {on ? 'Switch off' : 'Switch on'}
      </ActionButton>
    </div>
  )
}
