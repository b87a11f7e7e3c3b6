'use client'

import { useQuery } from '@tanstack/react-query'
import { useDeferredValue, useId, useState } from 'react'
import { Input } from '#components/ui/input.tsx'
import { agentSearchQuery } from './agent-search.ts'

type Picked = { id: string; name: string }

/** Finds an agent by typing a part of its name; the results are plain radio buttons, so keyboard and phone need no tricks. */
export function AgentPicker({
  value,
  onChange,
  onEnter,
}: {
  value: Picked | null
  onChange: (agent: Picked | null) => void
  /** Ends the choice, where the picker stands alone. */
  onEnter?: () => void
}) {
  const id = useId()
  const [text, setText] = useState('')
  const { data: hits = [], isFetching } = useQuery(agentSearchQuery(useDeferredValue(text)))
  const shown = value && !hits.some((hit) => hit.id === value.id) ? [value, ...hits] : hits
  return (
    <fieldset className="grid min-w-0 grid-cols-1 gap-2">
      <legend className="sr-only">Agent</legend>
      <label htmlFor={id} className="text-[0.8125rem] font-medium">
        Find the agent
      </label>
      <Input
        id={id}
        type="search"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === 'Enter' && onEnter?.()}
        placeholder="Name, id or purpose"
      />
      <div className="grid max-h-44 grid-cols-1 gap-0.5 overflow-y-auto rounded-md border p-1" aria-busy={isFetching}>
        {shown.map((hit) => (
          <label key={hit.id} className="flex items-center gap-2 rounded-sm px-2 py-1 has-checked:bg-muted">
            <input
              type="radio"
              name={`${id}-agent`}
              checked={value?.id === hit.id}
              onChange={() => onChange({ id: hit.id, name: hit.name })}
              onKeyDown={(event) => event.key === 'Enter' && onEnter?.()}
              className="size-4 accent-accent"
            />
            <span className="min-w-0 truncate">
              {hit.name} <span className="text-muted-foreground">{hit.id}</span>
            </span>
          </label>
        ))}
        {shown.length === 0 && (
          <p className="px-2 py-1 text-muted-foreground">{isFetching ? 'Searching…' : 'No agent matches.'}</p>
        )}
      </div>
    </fieldset>
  )
}
