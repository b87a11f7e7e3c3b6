'use client'

import { useId } from 'react'
import { Select } from '#components/ui/input.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { boundaryWords, type ProcessBoundary, processBoundaries } from '#lib/core/process-boundary.ts'
import { setBoundary } from './process-actions.ts'

/** Who may share a process, and with it its memory and files. */
export function BoundarySelect({
  serverId,
  boundary,
  whyNot,
}: {
  serverId: string
  boundary: ProcessBoundary
  whyNot: string | null
}) {
  const id = useId()
  const { run, pending, failed } = useAction(setBoundary, ({ waits }) =>
    toast.success(
      waits
        ? 'Proposed: processes stay divided as they are until somebody else confirms it.'
        : 'The processes are divided anew.',
    ),
  )
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
      <label htmlFor={id} className="text-sm font-medium">
        Trust boundary
      </label>
      <Select
        id={id}
        className="w-auto"
        value={boundary}
        disabled={whyNot !== null || pending}
        title={whyNot ?? undefined}
        onChange={(event) => run({ serverId, boundary: event.target.value as ProcessBoundary })}
      >
        {processBoundaries.map((each) => (
          <option key={each} value={each}>
            {boundaryWords[each].replace(/^./, (letter) => letter.toUpperCase())}
          </option>
        ))}
      </Select>
      {failed && (
        <span role="alert" className="text-[13px] text-danger">
          {failed.message}
        </span>
      )}
    </div>
  )
}
