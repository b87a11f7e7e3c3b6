'use client'

import { ActionButton } from '#components/ui/action-button.client.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import type { Result } from '#lib/core/result.ts'

type Action = (input: never) => Promise<Result<unknown, unknown>>

/** A button that does something at once and says what came of it. */
export function SendButton<A extends Action>({
  label,
  action,
  input,
  whyNot = null,
  said = 'It is on its way; the list says what becomes of it.',
}: {
  label: string
  action: A
  input: Parameters<A>[0]
  whyNot?: string | null
  said?: string
}) {
  const { run, pending } = useAction(
    async (given: Parameters<A>[0]) => {
      const outcome = await action(given)
      if (!outcome.ok) toast.error((outcome.error as { message?: string }).message ?? 'It was refused.')
      return outcome
    },
    () => toast.success(said),
  )
  return (
    <ActionButton size="sm" pending={pending} whyNot={whyNot} onClick={() => run(input)}>
      {label}
    </ActionButton>
  )
}
