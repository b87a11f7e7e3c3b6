import type { ComponentProps } from 'react'
import { cn } from './cn.ts'

/** How a control looks, for one that is none of the browser's own. */
export const controlClasses =
  'w-full min-w-0 rounded-md border border-input bg-raised px-3 text-sm text-foreground placeholder:text-muted-foreground disabled:opacity-60 aria-invalid:border-danger'

export function Input({ className, ...props }: ComponentProps<'input'>) {
  return <input className={cn(controlClasses, 'h-9', className)} {...props} />
}

export function Textarea({ className, ...props }: ComponentProps<'textarea'>) {
  return <textarea className={cn(controlClasses, 'block min-h-24 py-2', className)} {...props} />
}

/** The browser's own select: it works with a keyboard, a screen reader and a thumb. */
export function Select({ className, ...props }: ComponentProps<'select'>) {
  return <select className={cn(controlClasses, 'h-9 pr-8', className)} {...props} />
}

export function Checkbox({ className, ...props }: Omit<ComponentProps<'input'>, 'type'>) {
  return <input type="checkbox" className={cn('size-4 shrink-0 accent-accent', className)} {...props} />
}
