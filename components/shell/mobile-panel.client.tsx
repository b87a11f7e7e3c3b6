'use client'

import { X } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import type { RefObject } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Logo } from './logo.tsx'
import { NavLinks } from './nav-links.client.tsx'

/** The navigation as a panel from the left. */
export function MobilePanel({
  open,
  onOpenChange,
  returnFocusTo,
}: {
  open: boolean
  onOpenChange: (open: boolean) => void
  returnFocusTo: RefObject<HTMLElement | null>
}) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/50 lg:hidden" />
        <Radix.Content
          aria-describedby={undefined}
          onCloseAutoFocus={(event) => {
            event.preventDefault()
            returnFocusTo.current?.focus()
          }}
          className="fixed inset-y-0 left-0 z-50 w-64 overflow-y-auto border-r bg-surface p-3 animate-in slide-in-from-left lg:hidden"
        >
          <div className="mb-4 flex items-center justify-between pl-2.5">
            <Radix.Title className="sr-only">Navigation</Radix.Title>
            <Logo />
            <Radix.Close asChild>
              <Button variant="ghost" size="icon-sm" aria-label="Close navigation">
                <X aria-hidden />
              </Button>
            </Radix.Close>
          </div>
          <NavLinks onNavigate={() => onOpenChange(false)} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
