'use client'

import { Slot } from 'radix-ui'
import type { ReactElement, ReactNode, RefObject } from 'react'
import { useNearby } from './use-nearby.client.ts'

const load = async () => (await import('./tooltip-parts.client.ts')).tooltipParts

/** A short text on hover and focus. The child must be focusable. */
export function Tooltip({ text, children }: { text: ReactNode; children: ReactElement }) {
  const { parts, trigger, approach } = useNearby(load)
  if (!parts) {
    return (
      <Slot.Root ref={trigger} onPointerEnter={approach} onFocus={approach}>
        {children}
      </Slot.Root>
    )
  }
  return (
    <parts.Provider delayDuration={250}>
      <parts.Root>
        <parts.Trigger asChild ref={trigger as RefObject<HTMLButtonElement | null>}>
          {children}
        </parts.Trigger>
        <parts.Portal>
          <parts.Content
            sideOffset={6}
            collisionPadding={8}
            className="z-50 max-w-72 rounded-md bg-foreground px-2.5 py-1.5 text-xs text-background shadow-md animate-in fade-in-0"
          >
            {text}
          </parts.Content>
        </parts.Portal>
      </parts.Root>
    </parts.Provider>
  )
}
