import { Card } from '#components/ui/card.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'

/** What happened to a request, oldest first: who did what, whom the time reminded, and by when it is due since another rule holds. */
export function HistoryCard({ request: { history, requestedBy, createdAt } }: { request: ScopeRequestView }) {
  const asked = { at: createdAt, by: requestedBy.name, says: 'asked for it.' }
  return (
    <Card id="history" title="So far">
      <ol className="grid grid-cols-1 gap-2 text-sm">
        {(history.length > 0 ? history : [asked]).map(({ at, by, says }) => (
          <li key={`${at} ${says}`} className="min-w-0 break-words">
            {by && <span className="font-medium">{by} </span>}
            {says}
            <span className="block text-[13px] text-muted-foreground">
              <Time value={at} />
            </span>
          </li>
        ))}
      </ol>
    </Card>
  )
}
