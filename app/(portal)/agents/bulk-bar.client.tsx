'use client'

import dynamic from 'next/dynamic'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { plural } from '#components/ui/count.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import type { BulkEligibility, BulkMove } from '#lib/lifecycle/schema.ts'
import type { CatalogColumn } from '#lib/registry/schema/columns.ts'
import type { AgentSort } from '#lib/registry/schema.ts'
import { hrefWith } from '#lib/web/search.ts'
import { bulkEligible } from './actions.ts'
import { useSelection } from './selection.client.tsx'

const BulkDialog = dynamic(async () => (await import('./bulk-dialog.client.tsx')).BulkDialog, { ssr: false })
/** What an address may hold. */
const exportMax = 200

/** What can be done with the selected agents; which of them it can be done with is asked first. Exported are they in the order of the list. */
export function BulkBar({
  columns,
  sort,
  order,
}: {
  columns: readonly CatalogColumn[]
  sort: AgentSort
  order: 'asc' | 'desc'
}) {
  const { ids, clear } = useSelection()
  const [asked, setAsked] = useState<{ move: BulkMove; found: BulkEligibility } | null>(null)
  const selected = [...ids]
  const ask = useAction(bulkEligible, (found) => setAsked((before) => (before ? { ...before, found } : null)))
  if (selected.length === 0) return null
  const open = (move: BulkMove): void => {
    setAsked({ move, found: { move, eligible: [], refused: [] } })
    ask.run({ agentIds: selected, move })
  }
  const tooMany = selected.length > exportMax
  return (
    <section
      aria-label="Selected agents"
      className="mb-3 flex flex-wrap items-center gap-2 rounded-md border bg-accent-soft px-3 py-2 text-sm"
    >
      <p className="mr-2 font-medium">{plural(selected.length, 'agent')} selected</p>
      <Button size="sm" onClick={() => open('suspend')}>
        Suspend
      </Button>
      <Button size="sm" onClick={() => open('resume')}>
        Resume
      </Button>
      {tooMany ? (
        <span className="text-muted-foreground">Export at most {exportMax} selected, or all that match.</span>
      ) : (
        (['csv', 'yaml'] as const).map((format) => (
          <Button key={format} size="sm" asChild>
            <a
              href={hrefWith('/api/portal/agents/export', {
                ids: selected.join(','),
                sort,
                order,
                format,
                ...(format === 'csv' ? { columns: columns.join() } : {}),
              })}
              download
            >
              Export {format.toUpperCase()}
            </a>
          </Button>
        ))
      )}
      <Button size="sm" variant="ghost" onClick={clear}>
        Clear selection
      </Button>
      {asked && (
        <BulkDialog
          asked={asked}
          pending={ask.pending}
          failed={ask.failed?.message ?? null}
          total={selected.length}
          onClose={() => setAsked(null)}
        />
      )}
    </section>
  )
}
