import { Badge } from '#components/ui/badge.tsx'
import { plural } from '#components/ui/count.ts'
import { Time } from '#components/ui/time.client.tsx'
import type { ServerHealthView } from '#lib/registry/schema/health.ts'

/** How the brokers find the server: one that has had no trouble reports nothing. */
export function Health({ brokers }: { brokers: readonly ServerHealthView[] }) {
  const open = brokers.filter((broker) => broker.state === 'open')
  if (open.length === 0) return <>No broker reports trouble.</>
  return (
    <ul className="space-y-1">
      {open.map((broker) => (
        <li key={broker.broker}>
          <Badge tone="danger">left alone</Badge> since <Time value={broker.changedAt} /> after{' '}
          {plural(broker.failures, 'failure')} in a row, tried again <Time value={broker.retryAt} />.
          {broker.lastError && <span className="block text-[13px] text-muted-foreground">{broker.lastError}</span>}
        </li>
      ))}
    </ul>
  )
}
