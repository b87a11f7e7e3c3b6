'use client'

import { Checkbox } from '#components/ui/input.tsx'
import { type ProbeFinding, probeFindingKinds, type ProbeFindingKind } from '#lib/registry/schema/probes.ts'

type Props = {
  open: readonly ProbeFinding[]
  accepted: ReadonlySet<ProbeFindingKind>
  onChange: (accepted: ReadonlySet<ProbeFindingKind>) => void
}

/** What guards a server less, each to be accepted by name. */
export function AcceptFindings({ open, accepted, onChange }: Props) {
  const set = (kind: ProbeFindingKind, isIn: boolean) => {
    const after = new Set(accepted)
    if (isIn) after.add(kind)
    else after.delete(kind)
    onChange(after)
  }
  return (
    <ul className="space-y-3">
      {open.map(({ kind, note }) => (
        <li key={kind}>
          <label className="flex items-start gap-2 text-sm">
            <Checkbox
              className="mt-0.5"
              checked={accepted.has(kind)}
              onChange={(event) => set(kind, event.target.checked)}
            />
            <span className="min-w-0">
              <span className="font-medium">{probeFindingKinds[kind].title}</span>: {probeFindingKinds[kind].says}
              <span className="block text-[13px] break-words text-muted-foreground">{note}</span>
            </span>
          </label>
        </li>
      ))}
    </ul>
  )
}
