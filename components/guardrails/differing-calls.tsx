import Link from 'next/link'
import type { z } from 'zod'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { ReplayedCall, replayCallsQuery, ReplayedCalls } from '#lib/guardrails/schema/replays.ts'
import { hrefWith } from '#lib/web/search.ts'

type Query = z.output<typeof replayCallsQuery>

/** The calls of a difference, recorded or live, newest first, each explained behind its link. */
export function DifferingCalls({
  caption,
  emptyHint,
  path,
  titles,
  calls,
  query,
}: {
  caption: string
  /** What is to be done where there is none. */
  emptyHint: string
  /** The page that they are on. */
  path: string
  /** What policies are called, by their ids. */
  titles: ReadonlyMap<string, string>
  calls: ReplayedCalls
  query: Query
}) {
  const { kind, agent, server, tool, rule } = query
  const filter = { agent, server, tool, rule }
  const here = (changes: Partial<Query>) => `${hrefWith(path, { kind, ...filter, ...changes })}#calls`
  const only = [agent, server && tool ? `${server}/${tool}` : (server ?? tool), rule].filter((each) => each)
  return (
    <Card
      flush
      id="calls"
      title={kind === 'blocked' ? 'Calls it would have blocked' : 'Calls it would have allowed'}
      description={only.length > 0 ? `Only of ${only.join(', ')}.` : undefined}
      actions={
        <>
          {only.length > 0 && (
            <Button asChild size="sm">
              <Link href={hrefWith(path, { kind })} scroll={false}>
                All of them
              </Link>
            </Button>
          )}
          <Button asChild size="sm">
            <Link href={here({ kind: kind === 'blocked' ? 'permitted' : 'blocked' })} scroll={false}>
              {kind === 'blocked' ? 'Those it would have allowed' : 'Those it would have blocked'}
            </Link>
          </Button>
        </>
      }
    >
      <DataTable
        caption={caption}
        columns={columns}
        rows={calls.items.map((call) => ({ ...call, title: titles.get(call.rule) ?? call.rule }))}
        rowKey={({ id }) => id}
        empty={<EmptyState title="There is no such call">{emptyHint}</EmptyState>}
      />
      {calls.nextCursor && (
        <div className="p-3">
          <Button asChild size="sm">
            <Link href={here({ cursor: calls.nextCursor })} scroll={false}>
              Older
            </Link>
          </Button>
        </div>
      )}
    </Card>
  )
}

const columns: readonly Column<ReplayedCall & { title: string }>[] = [
  {
    id: 'at',
    header: 'When',
    cell: ({ id, at }) => (
      <Link href={paths.decision(id)} className="text-accent hover:underline">
        <Time value={at} />
      </Link>
    ),
  },
  { id: 'agent', header: 'Agent', cell: ({ agentId }) => <span className="break-all">{agentId}</span> },
  {
    id: 'tool',
    header: 'Tool',
    cell: ({ serverId, tool }) => (
      <span className="font-mono text-xs break-all">
        {serverId}/{tool}
      </span>
    ),
  },
  { id: 'was', header: 'Was', wide: true, cell: ({ decision }) => (decision === 'allow' ? 'allowed' : 'refused') },
  {
    id: 'rule',
    header: 'Policy',
    wide: true,
    cell: ({ rule, title, agentId }) => (
      <Link href={paths.rule(rule, { agent: agentId })} className="text-accent hover:underline">
        {title}
      </Link>
    ),
  },
]
