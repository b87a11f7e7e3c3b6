'use client'

import { createContext, type ReactNode, use, useMemo, useState } from 'react'
import { Checkbox } from '#components/ui/input.tsx'

type Selection = { ids: ReadonlySet<string>; set: (ids: readonly string[], on: boolean) => void; clear: () => void }

const SelectionContext = createContext<Selection | null>(null)

/** Holds which agents are selected; it stays while one searches, sorts and pages. */
export function SelectionProvider({ children }: { children: ReactNode }) {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set())
  const selection = useMemo(
    (): Selection => ({
      ids,
      set: (changed, on) =>
        setIds((before) => {
          const next = new Set(before)
          for (const id of changed) {
            if (on) next.add(id)
            else next.delete(id)
          }
          return next
        }),
      clear: () => setIds(new Set()),
    }),
    [ids],
  )
  return <SelectionContext value={selection}>{children}</SelectionContext>
}

export function useSelection(): Selection {
  const selection = use(SelectionContext)
  if (!selection) throw new Error('There is no selection here.')
  return selection
}

export function SelectAgent({ id, name }: { id: string; name: string }) {
  const { ids, set } = useSelection()
  return (
    <Checkbox
      checked={ids.has(id)}
      aria-label={`Select ${name}`}
      onChange={(event) => set([id], event.target.checked)}
    />
  )
}

/** Selects what the page shows. */
export function SelectPage({ ids: shown }: { ids: readonly string[] }) {
  const { ids, set } = useSelection()
  const all = shown.length > 0 && shown.every((id) => ids.has(id))
  return (
    <Checkbox
      checked={all}
      aria-label="Select all on this page"
      onChange={(event) => set(shown, event.target.checked)}
    />
  )
}
