'use client'

import { useQuery } from '@tanstack/react-query'
import { ChevronDown } from 'lucide-react'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { cn } from '#components/ui/cn.ts'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { controlClasses } from '#components/ui/input.tsx'
import { AgentPicker } from './agent-picker.client.tsx'
import { agentSearchQuery } from './agent-search.ts'

/** Chooses the agent of a form by its name; the form sends its id as `name`, as a text field would. */
export function AgentField({
  name,
  defaultId,
  none = 'Any agent',
  className,
  id: buttonId,
  'aria-describedby': describedBy,
}: {
  name: string
  defaultId?: string | undefined
  /** What it says while none is chosen. */
  none?: string
  className?: string
  id?: string
  'aria-describedby'?: string
}) {
  const [id, setId] = useState(defaultId ?? '')
  const [chosenName, setChosenName] = useState<string | null>(null)
  const [open, setOpen] = useState(false)
  const { data: hits = [] } = useQuery({ ...agentSearchQuery(id), enabled: id !== '' && chosenName === null })
  const shown = chosenName ?? hits.find((hit) => hit.id === id)?.name ?? id
  const choose = (agent: { id: string; name: string } | null) => {
    setId(agent?.id ?? '')
    setChosenName(agent?.name ?? null)
  }
  return (
    <>
      <button
        type="button"
        id={buttonId}
        aria-describedby={describedBy}
        aria-haspopup="dialog"
        aria-label={`Agent: ${shown || none}`}
        onClick={() => setOpen(true)}
        className={cn(controlClasses, 'flex h-9 items-center justify-between gap-2 text-left', className)}
      >
        <span className={cn('truncate', id === '' && 'text-muted-foreground')}>{shown || none}</span>
        <ChevronDown aria-hidden className="size-4 shrink-0 text-muted-foreground" />
      </button>
      {id !== '' && <input type="hidden" name={name} value={id} />}
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title="Choose an agent"
        footer={
          <>
            {id !== '' && <Button onClick={() => choose(null)}>{none}</Button>}
            <Button variant="primary" onClick={() => setOpen(false)}>
              Done
            </Button>
          </>
        }
      >
        <div className="text-sm">
          <AgentPicker
            value={id === '' ? null : { id, name: shown }}
            onChange={choose}
            onEnter={() => setOpen(false)}
          />
        </div>
      </Dialog>
    </>
  )
}
