import { CircleAlert, CircleCheck, Info, TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { cn } from './cn.ts'

const kinds = {
  info: { icon: Info, classes: 'border-accent/40 bg-accent-soft', role: undefined },
  ok: { icon: CircleCheck, classes: 'border-ok/40 bg-ok-soft', role: 'status' },
  warn: { icon: TriangleAlert, classes: 'border-warn/40 bg-warn-soft', role: undefined },
  danger: { icon: CircleAlert, classes: 'border-danger/40 bg-danger-soft', role: 'alert' },
} as const

/** A message that stays where it belongs. Errors carry the request id, so that support can find them. */
export function Notice({
  kind = 'info',
  title,
  children,
  requestId,
  className,
}: {
  kind?: keyof typeof kinds
  title?: ReactNode
  children?: ReactNode
  requestId?: string
  className?: string
}) {
  const { icon: Icon, classes, role } = kinds[kind]
  return (
    <div role={role} className={cn('flex gap-2.5 rounded-md border px-3 py-2.5 text-sm', classes, className)}>
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 space-y-1">
        {title && <p className="font-medium">{title}</p>}
        {children && <div className="break-words">{children}</div>}
        {requestId && <p className="font-mono text-xs">Request {requestId}</p>}
      </div>
    </div>
  )
}
