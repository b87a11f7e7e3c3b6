import { ProposalText } from '#components/reviews/proposal-text.tsx'
import { MissingArguments } from '#components/reviews/proposed-conditions.tsx'
import { LimitsList } from '#components/scopes/limits-list.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { AccessGrant } from '#lib/registry/schema.ts'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'
import type { GrantUsage } from '#lib/scopes/schema/usage.ts'

/** What the agent holds now, and whether its calls need it. */
export function HeldCard({ request }: { request: ScopeRequestView }) {
  const { holds, context } = request
  return (
    <section id="held" className="min-w-0">
      <h2 className="mb-2 text-sm font-semibold">What the agent holds now</h2>
      {holds.length === 0 ? (
        <p className="text-sm text-muted-foreground">Nothing.</p>
      ) : (
        <DataTable
          caption="What the agent holds now"
          columns={columnsOf(context.days, new Map(context.usage.map((row) => [row.grantId, row])))}
          rows={holds}
          rowKey={({ id }) => id}
        />
      )}
    </section>
  )
}

function columnsOf(days: number, usage: ReadonlyMap<string, GrantUsage>): Column<AccessGrant>[] {
  return [
    {
      id: 'scope',
      header: 'Scope',
      cell: (grant) => (
        <>
          <ScopeBadge
            serverId={grant.serverId}
            toolClass={grant.class}
            toolName={grant.toolName}
            environment={grant.environment}
          />
          <LimitsList conditions={grant.conditions} rate={grant.rate} />
        </>
      ),
    },
    {
      id: 'used',
      header: `Used, ${days} days`,
      className: 'min-w-44',
      cell: (grant) => <Used usage={usage.get(grant.id)} days={days} />,
    },
    {
      id: 'until',
      header: 'Until',
      wide: true,
      cell: ({ expiresAt }) => <Time value={expiresAt} fallback="until revoked" />,
    },
  ]
}

function Used({ usage, days }: { usage: GrantUsage | undefined; days: number }) {
  if (!usage || usage.verdict === 'insufficient_data') {
    return <span className="text-muted-foreground">too soon to say</span>
  }
  return (
    <>
      {usage.verdict === 'unused' ? <Badge tone="warn">not used</Badge> : plural(usage.calls, 'call')}
      {usage.proposal && usage.proposal.because !== 'unused' && (
        <div className="mt-1">
          <ProposalText proposal={usage.proposal} days={days} />
        </div>
      )}
      <MissingArguments tools={usage.arguments} />
    </>
  )
}
