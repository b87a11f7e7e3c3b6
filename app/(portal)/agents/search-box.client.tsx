'use client'

import { Search } from 'lucide-react'
import Form from 'next/form'
import { type KeyboardEvent, useEffect, useRef, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { cn } from '#components/ui/cn.ts'
import { formatCount } from '#components/ui/count.ts'
import { Input } from '#components/ui/input.tsx'
import { paths } from '#lib/core/paths.ts'
import { useCompletions } from './use-completions.client.ts'

/**
 * The catalog's query language in a box that completes keys and values with counts (a combobox, ARIA APG); "/" puts the cursor there. It is
 * a plain form, so it works without scripts too.
 */
export function SearchBox({
  initial,
  hidden,
}: {
  initial: string
  hidden: Record<string, string | number | undefined>
}) {
  const input = useRef<HTMLInputElement>(null)
  const [typed, setTyped] = useState({ q: initial, at: initial.length })
  const [open, setOpen] = useState(false)
  const [active, setActive] = useState(-1)
  const found = useCompletions(typed, open)
  const items = found?.items ?? []
  useSlashKey(input)

  const follow = (): void => {
    const box = input.current
    if (!box) return
    setTyped({ q: box.value, at: box.selectionStart ?? box.value.length })
    setActive(-1)
  }
  const take = (text: string): void => {
    const box = input.current
    if (!box || !found) return
    const finished = text.endsWith(':') ? text : `${text} `
    box.setRangeText(finished, found.from, found.to, 'end')
    box.focus()
    follow()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') setOpen(false)
    const chosen = items[active]
    if (event.key === 'Enter' && chosen) {
      event.preventDefault()
      take(chosen.text)
    }
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
    event.preventDefault()
    setOpen(true)
    const step = event.key === 'ArrowDown' ? 1 : -1
    if (items.length > 0) setActive((active + step + items.length + (active < 0 && step < 0 ? 1 : 0)) % items.length)
  }
  return (
    <Form action={paths.agents()} role="search" className="flex gap-2" onSubmit={() => setOpen(false)}>
      <div className="relative min-w-0 grow">
        <Search className="pointer-events-none absolute top-2.5 left-2.5 size-4 text-muted-foreground" aria-hidden />
        <Input
          ref={input}
          name="q"
          role="combobox"
          aria-autocomplete="list"
          aria-expanded={items.length > 0}
          aria-controls="agent-completions"
          aria-activedescendant={active >= 0 ? `agent-completion-${active}` : undefined}
          defaultValue={initial}
          aria-label="Search agents"
          aria-describedby="agent-search-help"
          placeholder="invoice can:write env:production"
          className="pl-8"
          autoComplete="off"
          spellCheck={false}
          onChange={() => {
            setOpen(true)
            follow()
          }}
          onSelect={follow}
          onClick={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={onKeyDown}
        />
        <div
          id="agent-completions"
          role="listbox"
          aria-label="Completions"
          hidden={items.length === 0}
          className="absolute z-30 mt-1 max-h-80 w-full max-w-xl overflow-y-auto rounded-md border bg-raised p-1 shadow-lg"
        >
          {items.map((item, at) => (
            <div
              key={item.text}
              id={`agent-completion-${at}`}
              role="option"
              tabIndex={-1}
              aria-selected={at === active}
              className={cn(
                'flex cursor-pointer items-baseline gap-2 rounded-sm px-2 py-1.5 text-[13px]',
                at === active && 'bg-muted',
              )}
              onMouseEnter={() => setActive(at)}
              onMouseDown={(event) => {
                event.preventDefault()
                take(item.text)
              }}
            >
              <code className="shrink-0">{item.label}</code>
              <span className="min-w-0 grow truncate text-muted-foreground">{item.detail}</span>
              {item.count !== null && (
                <span className="text-muted-foreground tabular-nums">{formatCount(item.count)}</span>
              )}
            </div>
          ))}
        </div>
      </div>
      {Object.entries(hidden).map(([name, value]) =>
        value === undefined ? null : <input key={name} type="hidden" name={name} value={String(value)} />,
      )}
      <Button type="submit">Search</Button>
      <p id="agent-search-help" className="sr-only">
        Words are looked for in name, id and purpose. Type a key such as can, env, owner or status for a list of what
        continues it.
      </p>
    </Form>
  )
}

function useSlashKey(input: React.RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement && event.target.closest('input, textarea, select, [role=dialog]')
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      input.current?.focus()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [input])
}
