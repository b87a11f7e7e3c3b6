import { Badge } from '#components/ui/badge.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { NotificationDeliveryView } from '#lib/notifications/schema/settings.ts'

const tones = { pending: 'held', delivered: 'ok', failed: 'danger' } as const

/** What was sent lately, with the last error. */
export function DeliveryTable({
  caption,
  deliveries,
  empty,
}: {
  caption: string
  deliveries: readonly NotificationDeliveryView[]
  empty: string
}) {
  if (deliveries.length === 0) return <p className="text-[13px] text-muted-foreground">{empty}</p>
  return (
    <ul aria-label={caption} className="divide-y border-t">
      {deliveries.map(({ id, title, state, attempts, lastError, createdAt, nextAttemptAt }) => (
        <li key={id} className="grid gap-0.5 py-2">
          <span className="flex items-start justify-between gap-2">
            <span className="min-w-0 break-words">{title}</span>
            <Badge tone={tones[state]}>{state}</Badge>
          </span>
          <span className="text-[13px] text-muted-foreground">
            <Time value={createdAt} />
            {attempts > 1 && `, ${attempts} attempts`}
            {nextAttemptAt && attempts > 0 && (
              <>
                , next <Time value={nextAttemptAt} />
              </>
            )}
          </span>
          {lastError && <span className="text-[13px] text-danger">{lastError}</span>}
        </li>
      ))}
    </ul>
  )
}
