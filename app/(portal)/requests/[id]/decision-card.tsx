import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'
import type { TermDifference } from '#lib/scopes/schema/context.ts'

const words: Record<TermDifference['field'], string> = {
  class: 'Class',
  tools: 'Tools',
  days: 'For',
  conditions: 'Only when',
  rate: 'Rate',
}

/** Who decided it and how; where less was granted than was asked, the one beside the other. */
export function DecisionCard({ request }: { request: ScopeRequestView }) {
  const { granted } = request.context
  return (
    <Card title="Decision">
      <Facts>
        <Fact label={request.state}>
          {request.decidedBy?.name ?? (request.state === 'approved' ? 'the approval policy' : 'the requester')}
          {request.decidedFor && `, for ${request.decidedFor.name}`} · <Time value={request.decidedAt} />
        </Fact>
        {request.decisionNote && <Fact label="Note">{request.decisionNote}</Fact>}
        {granted?.differences.map(({ field, asked, granted: given }) => (
          <Fact key={field} label={words[field]}>
            <del className="text-muted-foreground">{asked}</del> → <ins className="no-underline">{given}</ins>
          </Fact>
        ))}
      </Facts>
      {granted?.differences.length === 0 && (
        <p className="mt-2 text-[13px] text-muted-foreground">It was granted as it was asked for.</p>
      )}
    </Card>
  )
}
