'use client'

import { Download, FileText, Link2, Sheet, Terminal } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Menu, MenuItem, MenuLabel, MenuSeparator } from '#components/ui/menu.client.tsx'
import { toast } from '#components/ui/toast.client.ts'
import type { CatalogColumn } from '#lib/registry/schema/columns.ts'
import { hrefWith } from '#lib/web/search.ts'
import { catalogApiPath, catalogCommand } from './as-command.ts'
import type { CatalogAsked } from './catalog-query.ts'

const AsCommandDialog = dynamic(async () => (await import('#components/shell/as-command.client.tsx')).AsCommandDialog, {
  ssr: false,
})

/** What one can do with the list as it is filtered and ordered now: export it, pass it on, get it by program. */
export function CatalogTools({ query, columns }: { query: CatalogAsked; columns: readonly CatalogColumn[] }) {
  const [asCommand, setAsCommand] = useState(false)
  const exportHref = (format: 'csv' | 'yaml') =>
    hrefWith('/api/portal/agents/export', {
      ...query,
      format,
      ...(format === 'csv' ? { columns: columns.join() } : {}),
    })
  const copyLink = async () => {
    await navigator.clipboard.writeText(window.location.href)
    toast.success('Link copied.')
  }
  return (
    <>
      <Menu
        trigger={
          <Button>
            <Download aria-hidden /> Export
          </Button>
        }
      >
        <MenuLabel>The agents as filtered and ordered now</MenuLabel>
        <MenuItem asChild>
          <a href={exportHref('csv')} download>
            <Sheet aria-hidden /> CSV table
          </a>
        </MenuItem>
        {query.asOf === undefined && (
          <MenuItem asChild>
            <a href={exportHref('yaml')} download>
              <FileText aria-hidden /> YAML registry entries
            </a>
          </MenuItem>
        )}
        <MenuSeparator />
        <MenuItem onSelect={() => setAsCommand(true)}>
          <Terminal aria-hidden /> As CLI or API
        </MenuItem>
        <MenuItem onSelect={() => void copyLink()}>
          <Link2 aria-hidden /> Copy link
        </MenuItem>
      </Menu>
      {asCommand && (
        <AsCommandDialog open onOpenChange={setAsCommand} cli={catalogCommand(query)} apiPath={catalogApiPath(query)} />
      )}
    </>
  )
}
