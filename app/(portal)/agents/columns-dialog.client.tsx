'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Checkbox } from '#components/ui/input.tsx'
import { type CatalogColumn, catalogColumns } from '#lib/registry/schema/columns.ts'
import { rememberLayout } from './remember-layout.client.ts'

export type ColumnsProps = {
  columns: readonly CatalogColumn[]
  density: 'normal' | 'compact'
  labels: Readonly<Record<CatalogColumn, string>>
  /** The address as it is now, with everything in it. */
  href: string
}

/** Chooses columns and density. One address for each choice would be too many to list, so the address is changed here. */
export function ColumnsDialog({ columns, density, labels, href, onClose }: ColumnsProps & { onClose: () => void }) {
  const [chosen, setChosen] = useState(() => new Set(columns))
  const [compact, setCompact] = useState(density === 'compact')
  const router = useRouter()
  const apply = (): void => {
    const next = catalogColumns.filter((column) => column === 'agent' || chosen.has(column))
    const nextDensity = compact ? 'compact' : 'normal'
    rememberLayout(() => ({ columns: next, density: nextDensity }))
    const [path = '', search] = href.split('?')
    const params = new URLSearchParams(search)
    params.set('columns', next.join(','))
    params.set('density', nextDensity)
    onClose()
    router.push(`${path}?${params}`, { scroll: false })
  }
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Columns"
      description="Remembered in this browser. On narrow screens some are left out."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" onClick={apply}>
            Show these
          </Button>
        </>
      }
    >
      <fieldset className="grid grid-cols-2 gap-2 text-sm">
        <legend className="sr-only">Columns shown</legend>
        {catalogColumns.map((column) => (
          <label key={column} className="flex items-center gap-2">
            <Checkbox
              checked={column === 'agent' || chosen.has(column)}
              disabled={column === 'agent'}
              onChange={(event) => {
                const next = new Set(chosen)
                if (event.target.checked) next.add(column)
                else next.delete(column)
                setChosen(next)
              }}
            />
            {labels[column]}
          </label>
        ))}
      </fieldset>
      <label className="mt-4 flex items-center gap-2 text-sm">
        <Checkbox checked={compact} onChange={(event) => setCompact(event.target.checked)} /> Compact rows
      </label>
    </Dialog>
  )
}
