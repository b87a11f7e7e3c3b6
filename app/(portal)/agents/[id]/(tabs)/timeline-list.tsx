import { RuleLink } from '#components/rules/rule-link.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { TimelineEntry } from '#lib/audit/schema.ts'

/** What happened to an agent, entry by entry. */
export function TimelineList({ entries }: { entries: readonly TimelineEntry[] }) {
  if (entries.length === 0) {
    return (
      <EmptyState title="Nothing recorded yet">
        Demo history has no audit events; everything real leaves one.
      </EmptyState>
    )
  }
  return (
    <ol className="grid grid-cols-1 gap-3 border-l pl-4">
      {entries.map((entry) => (
        <li key={entry.seq} className="relative text-[13px]">
          <span
            aria-hidden
            className={`absolute top-1.5 -left-[1.28rem] size-2 rounded-full ${entry.decision === 'deny' ? 'bg-danger' : entry.decision === 'hold' ? 'bg-held' : 'bg-accent'}`}
          />
          <p>
            <strong className="font-medium">{wordsOf(entry.event)}</strong>
            {entry.subject.kind !== 'agent' && <> · {entry.subject.name}</>}
            {entry.rule && (
              <>
                {' '}
                <RuleLink as="id" id={entry.rule} decisionId={entry.id} />
              </>
            )}
          </p>
          {entry.reason && <p className="line-clamp-2 text-muted-foreground">{entry.reason}</p>}
          <p className="text-muted-foreground">
            <Time value={entry.at} />, {whoOf(entry)}
          </p>
        </li>
      ))}
    </ol>
  )
}

/** `scope.request_approved` becomes *Scope request approved*. */
function wordsOf(event: string): string {
  const words = event.replaceAll(/[._]/g, ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function whoOf({ actor }: TimelineEntry): string {
  return actor.kind === 'system' ? `by the ${actor.name}` : `by ${actor.name}`
}
