'use client'

import { useState } from 'react'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Checkbox } from '#components/ui/input.tsx'
import { singleKeysOn, switchSingleKeys } from './keys.ts'

const keys = [
  [['Ctrl K', '⌘ K'], 'Go to anything, or stop an agent'],
  [['/'], 'The search field or filter of this page'],
  [['?'], 'These keys'],
  [['Esc'], 'Closes what is open'],
] as const

/** Which keys there are. None of them alone changes anything. */
export function KeysDialog({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const [on, setOn] = useState(singleKeysOn)
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Keys">
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] items-center gap-x-4 gap-y-2.5">
        {keys.map(([pressed, does]) => (
          <div key={does} className="contents">
            <dt className="flex gap-1.5">
              {pressed.map((key) => (
                <kbd key={key} className="rounded-sm border bg-muted px-1.5 py-0.5 font-sans text-xs">
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label className="mt-4 flex items-center gap-2 border-t pt-4">
        <Checkbox
          checked={on}
          onChange={({ target }) => {
            setOn(target.checked)
            switchSingleKeys(target.checked)
          }}
        />
        Keys pressed alone (/ and ?) work
      </label>
    </Dialog>
  )
}
