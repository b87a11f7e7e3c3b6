import { Badge } from '#components/ui/badge.tsx'
import { plural } from '#components/ui/count.ts'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { visibleText } from '#lib/registry/rules/tool-findings.ts'
import type { ToolListingView } from '#lib/registry/schema/tools.ts'

type Props = { listing: ToolListingView | null }

/** When the tools were last listed, and why they cannot be now. */
export function Listed({ listing }: Props) {
  if (!listing) return <>No broker has looked yet.</>
  const { listedAt, problem } = listing
  return (
    <>
      <Time value={listedAt} fallback="never" />
      {problem && (
        <span className="mt-1 block">
          <Badge tone="danger">not listed now</Badge> since <Time value={problem.since} />: {problem.message}. Its
          changes go unseen.
        </span>
      )}
    </>
  )
}

/** What the server lists that is no tool, or too much to be taken on. */
export function LeftOutTools({ listing }: Props) {
  if (!listing || listing.leftOutTotal === 0) return null
  const more = listing.leftOutTotal - listing.leftOut.length
  return (
    <Notice kind="warn" className="mb-3" title={`${plural(listing.leftOutTotal, 'entry', 'entries')} left out`}>
      What the server lists there is no tool, or more than is taken on: it is not watched, shown to nobody, and never
      called.
      <ul className="mt-1 space-y-0.5">
        {listing.leftOut.map(({ name, reason }) => (
          <li key={`${name} ${reason}`} className="break-words">
            <code className="break-all">{visibleText(name)}</code>: {reason}
          </li>
        ))}
        {more > 0 && <li>and {more} more</li>}
      </ul>
    </Notice>
  )
}
