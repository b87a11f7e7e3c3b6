import { Card } from '#components/ui/card.tsx'
import { formatCount, plural } from '#components/ui/count.ts'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Money, Rate } from '#components/ui/money.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { escalationRate } from '#lib/scopes/rules/signals.ts'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'
import type { TrendSums } from '#lib/scopes/schema/context.ts'

/** How the agent has done lately, compared with as many days before. */
export function AgentCard({ request }: { request: ScopeRequestView }) {
  const { agent, context } = request
  const { review, trend, openEscalations, days } = context
  return (
    <Card id="agent" title="The agent" description={`The last ${days} days, and the ${days} before.`}>
      <Facts>
        <Fact label="Runs">
          {trend.now.runs} <Before>{trend.before.runs}</Before>
        </Fact>
        <Fact label="Cost">
          <Cost sums={trend.now} />{' '}
          <Before>
            <Cost sums={trend.before} />
          </Before>
        </Fact>
        <Fact label="Escalation rate">
          <Rate value={escalationRate(trend.now)} />{' '}
          <Before>
            <Rate value={escalationRate(trend.before)} />
          </Before>
          {openEscalations > 0 && `, ${plural(openEscalations, 'escalation')} open`}
        </Fact>
        <Fact label="Refused calls">
          {formatCount(trend.now.deniedCalls)} of {formatCount(trend.now.toolCalls)}{' '}
          <Before>{formatCount(trend.before.deniedCalls)}</Before>
        </Fact>
        <Fact label="Last review">
          <Time value={review.lastAt} fallback="never" />
          {review.nextAt && (
            <>
              , next <Time value={review.nextAt} />
            </>
          )}
        </Fact>
        <Fact label="Owner">{agent.owner.name}</Fact>
        <Fact label="Tier">{agent.tier}</Fact>
      </Facts>
    </Card>
  )
}

function Before({ children }: { children: React.ReactNode }) {
  return <span className="text-muted-foreground">(before: {children})</span>
}

/** Not priced is not 0: where nothing has a price there is no amount. */
function Cost({ sums }: { sums: TrendSums }) {
  const known = sums.unpricedRequests === 0 || sums.costMicros !== '0'
  return <Money micros={known ? sums.costMicros : null} unpriced={sums.unpricedRequests} />
}
