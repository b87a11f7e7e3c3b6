import Link from 'next/link'
import { Badge, type Tone } from '#components/ui/badge.tsx'
import { plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { paths } from '#lib/core/paths.ts'
import { grantName } from '#lib/registry/schema/capabilities.ts'
import type { ServerView } from '#lib/registry/schema.ts'
import { hrefWith } from '#lib/web/search.ts'

type Row = ServerView['besidesTools'][number]

const riskTones: Record<Row['risk'], Tone> = { low: 'neutral', medium: 'warn', high: 'danger' }

/** What the server may ask an agent for and what it offers that is no tool: in words, with its class and its risk, and who holds it. */
export function BesidesToolsCard({ server }: { server: ServerView }) {
  return (
    <section>
      <h2 className="text-sm font-semibold">Besides its tools</h2>
      <p className="mt-1 mb-2 max-w-3xl text-[13px] text-muted-foreground">
        What the server may ask an agent for, and what it offers that is no tool. Each is requested on an agent’s page
        like a tool.
      </p>
      <DataTable
        caption={`What ${server.name} may besides its tools`}
        columns={columnsOf(server.id)}
        rows={server.besidesTools}
        rowKey={(row) => row.name}
        empty={null}
      />
    </section>
  )
}

function columnsOf(serverId: string): readonly Column<Row>[] {
  return [
    {
      id: 'what',
      header: 'What',
      className: 'min-w-56',
      cell: (row) => (
        <>
          <span className="font-medium">{row.title}</span>{' '}
          <span className="font-mono text-xs break-all text-muted-foreground">{grantName(row)}</span>
          <span className="block max-w-2xl text-[13px] text-muted-foreground">{row.says}</span>
        </>
      ),
    },
    { id: 'class', header: 'Class', cell: () => <ScopeBadge toolClass="read" /> },
    {
      id: 'risk',
      header: 'Risk',
      cell: (row) => (
        <>
          <Badge tone={riskTones[row.risk]}>{row.risk}</Badge>
          <span className="block max-w-xs text-[13px] text-muted-foreground">{row.riskSays}</span>
        </>
      ),
    },
    {
      id: 'granted',
      header: 'Granted by',
      wide: true,
      cell: (row) => (row.grantedBy === 'name' ? 'its name only' : 'its name, or the whole server'),
    },
    {
      id: 'agents',
      header: 'Held by',
      cell: (row) => (
        <Link
          href={hrefWith(paths.agents(), { q: `server:${serverId} tool:${grantName(row)}` })}
          className="whitespace-nowrap underline underline-offset-2"
        >
          {plural(row.agents, 'agent')}
        </Link>
      ),
    },
  ]
}
