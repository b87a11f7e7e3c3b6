import { Badge } from '#components/ui/badge.tsx'
import { plural } from '#components/ui/count.ts'
import { Time } from '#components/ui/time.client.tsx'
import { exactTime } from '#components/ui/time.ts'
import type { ServerHealthView } from '#lib/registry/schema/health.ts'
import type { ToolListingView } from '#lib/registry/schema/tools.ts'

/** Brokers list the tools of every enabled server each minute: after so many without, nobody knows how it is. */
const unheardMs = 5 * 60_000
const recoveredMs = 24 * 3_600_000

/** How the brokers find the server. Silence is not health: what nobody has reached lately is said to be unknown. */
export function Health({
  brokers,
  server: { status, listing },
  now,
}: {
  brokers: readonly ServerHealthView[]
  server: { status: string; listing: ToolListingView | null }
  now: Date
}) {
  if (status === 'disabled') return <>It is disabled: no broker asks it.</>
  const open = brokers.filter(({ state }) => state === 'open')
  const recovered = brokers.filter(({ state, changedAt }) => state === 'closed' && isSince(changedAt, now, recoveredMs))
  return (
    <ul className="space-y-1">
      {open.map((broker) => (
        <li key={broker.broker}>
          <Badge tone="danger">left alone</Badge> by <code className="text-[13px]">{broker.broker}</code> since{' '}
          <Time value={broker.changedAt} /> after {plural(broker.failures, 'failure')} in a row
          {broker.retryAt && `; the next try is due at ${exactTime(new Date(broker.retryAt))}`}.
          <LastError error={broker.lastError} />
        </li>
      ))}
      {open.length === 0 && (
        <li>
          <Reached listing={listing} now={now} />
        </li>
      )}
      {recovered.map((broker) => (
        <li key={broker.broker}>
          Answers <code className="text-[13px]">{broker.broker}</code> again since <Time value={broker.changedAt} />.
          <LastError error={broker.lastError} />
        </li>
      ))}
    </ul>
  )
}

function Reached({ listing, now }: { listing: ToolListingView | null; now: Date }) {
  const { listedAt = null, problem = null } = listing ?? {}
  if (problem !== null) {
    return (
      <>
        <Badge tone="warn">in doubt</Badge> Its tools cannot be listed now; calls are sent to it.
      </>
    )
  }
  if (listedAt !== null && isSince(listedAt, now, unheardMs)) {
    return (
      <>
        <Badge tone="ok">answers</Badge> A broker reached it <Time value={listedAt} />, and none leaves it alone.
      </>
    )
  }
  return (
    <>
      <Badge tone="warn">not known</Badge> No broker has reached it{' '}
      {listedAt === null ? (
        'yet'
      ) : (
        <>
          since <Time value={listedAt} />
        </>
      )}
      . Each asks it every minute: see whether one runs.
    </>
  )
}

function LastError({ error }: { error: string | null }) {
  return error && <span className="block text-[13px] text-muted-foreground">Last error: {error}</span>
}

function isSince(instant: string, now: Date, ms: number): boolean {
  return now.getTime() - Date.parse(instant) < ms
}
