'use client'

import { type DropdownMenu, Slot } from 'radix-ui'
import {
  type ComponentProps,
  createContext,
  type KeyboardEvent,
  type MouseEvent,
  type PointerEvent,
  type ReactElement,
  type ReactNode,
  type RefObject,
  use,
  useState,
} from 'react'
import { cn } from './cn.ts'
import type { menuParts } from './menu-parts.client.ts'
import { useNearby } from './use-nearby.client.ts'

type Parts = typeof menuParts
const load = async (): Promise<Parts> => (await import('./menu-parts.client.ts')).menuParts
const PartsContext = createContext<Parts | null>(null)

/** A menu that opens from its trigger (a button). What it opens is fetched when somebody comes near the trigger. */
export function Menu({
  trigger,
  children,
  align = 'end',
}: {
  trigger: ReactElement
  children: ReactNode
  align?: 'start' | 'end'
}) {
  const [open, setOpen] = useState(false)
  const { parts, trigger: button, approach } = useNearby(load)
  if (!parts) {
    const openOnceThere = (): void => {
      setOpen(true)
      approach()
    }
    return (
      <Slot.Root
        ref={button}
        aria-haspopup="menu"
        aria-expanded={false}
        onPointerEnter={approach}
        onFocus={approach}
        onPointerDown={(event: PointerEvent) => event.button === 0 && !event.ctrlKey && openOnceThere()}
        // Enter, the space key and assistive technology click without a pointer.
        onClick={(event: MouseEvent) => event.detail === 0 && openOnceThere()}
        onKeyDown={(event: KeyboardEvent) => event.key === 'ArrowDown' && openOnceThere()}
      >
        {trigger}
      </Slot.Root>
    )
  }
  return (
    <PartsContext value={parts}>
      <parts.Root modal={false} open={open} onOpenChange={setOpen}>
        <parts.Trigger asChild ref={button as RefObject<HTMLButtonElement | null>}>
          {trigger}
        </parts.Trigger>
        <parts.Portal>
          <parts.Content
            align={align}
            sideOffset={6}
            collisionPadding={8}
            className="z-50 max-w-[calc(100vw-1rem)] min-w-52 rounded-md border bg-raised p-1 wrap-anywhere shadow-lg animate-in fade-in-0 zoom-in-95"
          >
            {children}
          </parts.Content>
        </parts.Portal>
      </parts.Root>
    </PartsContext>
  )
}

function useParts(): Parts {
  const parts = use(PartsContext)
  if (!parts) throw new Error('There is no menu here.')
  return parts
}

const itemStyles =
  'flex w-full items-center gap-2 rounded-sm px-2 py-1.5 text-left text-sm outline-none select-none data-disabled:opacity-55 data-highlighted:bg-muted [&_svg]:size-4 [&_svg]:shrink-0'

export function MenuItem({ className, ...props }: ComponentProps<typeof DropdownMenu.Item>) {
  const { Item } = useParts()
  return <Item className={cn(itemStyles, className)} {...props} />
}

export function MenuLabel({ children }: { children: ReactNode }) {
  const { Label } = useParts()
  return <Label className="px-2 py-1.5 text-xs text-muted-foreground">{children}</Label>
}

export function MenuSeparator() {
  const { Separator } = useParts()
  return <Separator className="my-1 h-px bg-border" />
}

export function MenuRadioGroup(props: ComponentProps<typeof DropdownMenu.RadioGroup>) {
  const { RadioGroup } = useParts()
  return <RadioGroup {...props} />
}

export function MenuRadioItem({ className, children, ...props }: ComponentProps<typeof DropdownMenu.RadioItem>) {
  const { RadioItem, ItemIndicator } = useParts()
  return (
    <RadioItem className={cn(itemStyles, 'justify-between', className)} {...props}>
      <span className="flex items-center gap-2">{children}</span>
      <ItemIndicator>✓</ItemIndicator>
    </RadioItem>
  )
}
