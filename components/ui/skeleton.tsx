import { cn } from './cn.ts'

/** Holds the place of what is loading, at its size, so that nothing shifts. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn('animate-pulse rounded-md bg-muted', className)} />
}
