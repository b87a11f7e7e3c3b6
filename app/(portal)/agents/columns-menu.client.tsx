'use client'

import { Columns3 } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import type { ColumnsProps } from './columns-dialog.client.tsx'

const ColumnsDialog = dynamic(async () => (await import('./columns-dialog.client.tsx')).ColumnsDialog, { ssr: false })

/** Which columns the table has and how close its rows stand. */
export function ColumnsMenu(props: ColumnsProps) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <Columns3 aria-hidden /> Columns
      </Button>
      {open && <ColumnsDialog {...props} onClose={() => setOpen(false)} />}
    </>
  )
}
