'use client'

import { Search } from 'lucide-react'
import Form from 'next/form'
import { useEffect, useRef } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Input } from '#components/ui/input.tsx'
import { paths } from '#lib/core/paths.ts'

/** The catalog's query language in a box; "/" puts the cursor there. It is a plain form, so it works without scripts too. */
export function SearchBox({
  initial,
  hidden,
}: {
  initial: string
  hidden: Record<string, string | number | undefined>
}) {
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement && event.target.closest('input, textarea, select, [role=dialog]')
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      input.current?.focus()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])
  return (
    <Form action={paths.agents()} role="search" className="flex gap-2">
      <div className="relative min-w-0 grow">
        <Search className="pointer-events-none absolute top-2.5 left-2.5 size-4 text-muted-foreground" aria-hidden />
        <Input
          ref={input}
          name="q"
          type="search"
          defaultValue={initial}
          aria-label="Search agents"
          aria-describedby="agent-search-help"
          placeholder="invoice can:write env:production"
          className="pl-8"
          autoComplete="off"
        />
      </div>
      {Object.entries(hidden).map(([name, value]) =>
        value === undefined ? null : <input key={name} type="hidden" name={name} value={String(value)} />,
      )}
      <Button type="submit">Search</Button>
      <p id="agent-search-help" className="sr-only">
        Words are looked for in name, id and purpose. Qualifiers: can, env, server, owner, status, tier, template.
      </p>
    </Form>
  )
}
