'use client'
import { Tooltip } from 'radix-ui'
import type { ReactNode } from 'react'
import { Button } from './button.tsx'

type ButtonProps = React.ComponentProps<typeof Button>

/** A button that stays reachable when it cannot be used, and then says why and who can. Without a reason it is an ordinary button. */
export function WhyNotButton({ why, children, onClick, ...props }: ButtonProps & { why?: string | null }) {
  if (!why) {
    return (
      <Button onClick={onClick} {...props}>
        {children}
      </Button>
    )
  }
  return (
    <Hint text={why}>
      <Button {...props} type="button" aria-disabled="true" onClick={(event) => event.preventDefault()}>
        {children}
      </Button>
    </Hint>
  )
}

/** A tooltip on hover and on focus; never the only place of a fact that somebody needs. */
export function Hint({ text, children }: { text: string; children: ReactNode }) {
  return (
    <Tooltip.Provider delayDuration={200}>
      <Tooltip.Root>
        <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
        <Tooltip.Portal>
          <Tooltip.Content
            sideOffset={6}
            className="z-50 max-w-72 rounded-md bg-foreground px-2.5 py-1.5 text-xs text-background"
          >
            {text}
          </Tooltip.Content>
        </Tooltip.Portal>
      </Tooltip.Root>
    </Tooltip.Provider>
  )
}
