import type { ComponentProps, ReactNode } from 'react'
import { cn } from './cn.ts'

/** Label and value pairs of a detail page. */
export function Facts({ className, ...props }: ComponentProps<'dl'>) {
  return (
    <dl
      className={cn('grid grid-cols-[minmax(7rem,auto)_minmax(0,1fr)] gap-x-4 gap-y-2 text-sm', className)}
      {...props}
    />
  )
}

export function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted-foreground">{label}</dt>
      <dd className="min-w-0 overflow-x-clip break-words [overflow-clip-margin:4px]">{children}</dd>
    </>
  )
}
