import { Plus } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { DataClassBadges, DemoBadge, EnvironmentBadge, SensitivityBadge } from '#components/agents/agent-badges.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Status } from '#components/ui/status.tsx'
import { can } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { listServers } from '#lib/registry/queries.ts'
import type { ServerRow } from '#lib/registry/schema.ts'
import { credentialKindText } from '#lib/registry/schema/credentials.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith } from '#lib/web/search.ts'

export const metadata: Metadata = { title: 'MCP servers' }

export default async function ServersPage() {
  const ctx = await currentCtx()
  const servers = await listServers(ctx)
  return (
    <>
      <PageHeader
        title="MCP servers"
        description="What agents can reach, and only through the broker, which holds the credentials."
        actions={
          can(ctx.actor, 'servers:manage') && (
            <Button asChild variant="primary">
              <Link href={paths.newServer()}>
                <Plus aria-hidden /> Register a server
              </Link>
            </Button>
          )
        }
      />
      <DataTable
        caption="MCP servers"
        columns={columns}
        rows={servers}
        rowKey={(server) => server.id}
        empty={
          <EmptyState title="No MCP server is registered">
            Until one is, agents can only work inside their sandbox.
          </EmptyState>
        }
      />
    </>
  )
}

const columns: readonly Column<ServerRow>[] = [
  {
    id: 'server',
    header: 'Server',
    className: 'min-w-56',
    cell: (server) => (
      <>
        <Link href={paths.server(server.id)} className="font-medium text-accent hover:underline">
          {server.name}
        </Link>{' '}
        {server.demo && <DemoBadge />}
        <span className="block max-w-md text-[13px] text-muted-foreground">{server.description}</span>
      </>
    ),
  },
  {
    id: 'where',
    header: 'Environment',
    cell: (server) => (
      <span className="flex flex-wrap gap-1">
        <EnvironmentBadge environment={server.environment} />
        <SensitivityBadge sensitivity={server.sensitivity} />
        <DataClassBadges dataClasses={server.dataClasses} />
      </span>
    ),
  },
  { id: 'status', header: 'Status', wide: true, cell: (server) => <Status state={server.status} /> },
  { id: 'read', header: 'Read', numeric: true, wide: true, cell: (server) => server.tools.read },
  { id: 'write', header: 'Write', numeric: true, wide: true, cell: (server) => server.tools.write },
  { id: 'destructive', header: 'Destructive', numeric: true, wide: true, cell: (server) => server.tools.destructive },
  {
    id: 'quarantined',
    header: 'To review',
    numeric: true,
    cell: (server) => (server.tools.quarantined > 0 ? <Badge tone="held">{server.tools.quarantined}</Badge> : 0),
  },
  {
    id: 'agents',
    header: 'Agents',
    numeric: true,
    cell: (server) => (
      <Link href={hrefWith(paths.agents(), { server: server.id })} className="text-accent hover:underline">
        {server.agents}
      </Link>
    ),
  },
  {
    id: 'credential',
    header: 'Credential',
    wide: true,
    cell: (server) =>
      server.credentials.length > 0 ? (
        [...new Set(server.credentials.map(({ kind }) => credentialKindText(kind, server.command !== null)))].join(', ')
      ) : (
        <span className="text-muted-foreground">none</span>
      ),
  },
]
