'use client'

import { Menu as MenuIcon, X } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Logo } from './logo.tsx'
import { NavLinks } from './nav-links.client.tsx'

/** The navigation of narrow screens: a panel from the left. */
export function MobileNav() {
  const [open, setOpen] = useState(false)
  return (
    <Radix.Root open={open} onOpenChange={setOpen}>
      <Radix.Trigger asChild>
        <Button variant="ghost" size="icon" aria-label="Open navigation" className="lg:hidden">
          <MenuIcon aria-hidden />
        </Button>
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/50 lg:hidden" />
        <Radix.Content
          aria-describedby={undefined}
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
          <NavLinks onNavigate={() => setOpen(false)} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
