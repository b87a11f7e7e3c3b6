import Link from 'next/link'
import { formatCount, plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'
import type { PeerUse } from '#lib/scopes/schema/context.ts'

/** What other agents of the same template hold of it, and how they use it. */
export function PeersCard({ request }: { request: ScopeRequestView }) {
  const { peers, context } = request
  const hold = peers.holding === 1 ? 'holds' : 'hold'
  return (
    <section id="peers" className="min-w-0">
      <h2 className="text-sm font-semibold">Peers</h2>
      <p className="mb-2 text-[13px] text-muted-foreground">
        {peers.total === 0
          ? `No other agent is made from ${peers.templateId}: there is nobody to compare it with.`
          : `${peers.holding} of ${plural(peers.total, 'other agent')} from ${peers.templateId} ${hold} at least this.`}
      </p>
      {peers.holding > 0 && (
        <DataTable
          caption="Peers that hold it"
          columns={columnsOf(context.days)}
          rows={context.peers.items}
          rowKey={({ id }) => id}
        />
      )}
    </section>
  )
}

function columnsOf(days: number): Column<PeerUse>[] {
  return [
    {
      id: 'agent',
      header: 'Agent',
      className: 'max-w-60 md:max-w-md',
      cell: ({ id, name }) => (
        <Link href={paths.agent(id, 'scopes')} className="font-medium text-accent hover:underline">
          {name}
        </Link>
      ),
    },
    { id: 'calls', header: `Calls, ${days} days`, numeric: true, cell: ({ calls }) => formatCount(calls) },
    { id: 'last', header: 'Last', cell: ({ lastUsedAt }) => <Time value={lastUsedAt} fallback="not used" /> },
    { id: 'limits', header: 'Within', cell: ({ limits }) => (limits.length === 0 ? 'no limits' : limits.join(', ')) },
    {
      id: 'until',
      header: 'Until',
      wide: true,
      cell: ({ expiresAt }) => <Time value={expiresAt} fallback="until revoked" />,
    },
  ]
}
