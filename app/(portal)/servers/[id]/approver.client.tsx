'use client'

import { Select } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { setApprover } from './actions.ts'

type Person = { id: string; name: string }

/** Who is asked when tools of the server are new or have changed. */
export function Approver({
  serverId,
  approver,
  people,
  whyNot,
}: {
  serverId: string
  approver: Person | null
  people: readonly Person[]
  whyNot: string | null
}) {
  const { run, pending, failed } = useAction(setApprover, () => toast.success('The approver is changed.'))
  const everybody = 'everybody who manages servers'
  if (whyNot !== null) return <span title={whyNot}>{approver?.name ?? everybody}</span>
  // Who has left may still stand there: until somebody else is chosen.
  const choices = approver && !people.some(({ id }) => id === approver.id) ? [approver, ...people] : people
  return (
    <>
      <Select
        aria-label="Asked about its tools"
        className="w-auto max-w-full"
        value={approver?.id ?? ''}
        disabled={pending}
        onChange={(event) => run({ serverId, approverId: event.target.value || null })}
      >
        <option value="">{everybody}</option>
        {choices.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </Select>
      {failed && (
        <span role="alert" className="block text-[13px] text-danger">
          {failed.message}
        </span>
      )}
    </>
  )
}
