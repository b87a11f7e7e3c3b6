import type { ReactNode } from 'react'
import { Button } from './button.tsx'

/** Filters as a plain GET form: the URL is the state, and it works before any script has loaded. */
export function FilterForm({ action, label, children }: { action: string; label: string; children: ReactNode }) {
  return (
    <form
      action={action}
      method="get"
      role="search"
      aria-label={label}
      className="mb-4 grid grid-cols-2 items-center gap-2 sm:flex sm:flex-wrap"
    >
      {children}
      <Button type="submit" className="max-sm:justify-self-start">
        Apply
      </Button>
    </form>
  )
}
