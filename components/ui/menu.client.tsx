'use client'

import { DropdownMenu as Radix } from 'radix-ui'
import type { ComponentProps, ReactElement, ReactNode } from 'react'
import { cn } from './cn.ts'

/** A menu that opens from its trigger (a button). */
export function Menu({
  trigger,
  children,
  align = 'end',
}: {
  trigger: ReactElement
  children: ReactNode
  align?: 'start' | 'end'
}) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          sideOffset={6}
          collisionPadding={8}
          className="z-50 min-w-52 rounded-md border bg-raised p-1 shadow-lg animate-in fade-in-0 zoom-in-95"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

const itemStyles =
  'flex w-full items-center gap-2 rounded-sm px-2 py-1.5 text-left text-sm outline-none select-none data-disabled:opacity-55 data-highlighted:bg-muted [&_svg]:size-4 [&_svg]:shrink-0'

export function MenuItem({ className, ...props }: ComponentProps<typeof Radix.Item>) {
  return <Radix.Item className={cn(itemStyles, className)} {...props} />
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="px-2 py-1.5 text-xs text-muted-foreground">{children}</Radix.Label>
}

export function MenuSeparator() {
  return <Radix.Separator className="my-1 h-px bg-border" />
}

export const MenuRadioGroup = Radix.RadioGroup

export function MenuRadioItem({ className, children, ...props }: ComponentProps<typeof Radix.RadioItem>) {
  return (
    <Radix.RadioItem className={cn(itemStyles, 'justify-between', className)} {...props}>
      <span className="flex items-center gap-2">{children}</span>
      <Radix.ItemIndicator>✓</Radix.ItemIndicator>
    </Radix.RadioItem>
  )
}
