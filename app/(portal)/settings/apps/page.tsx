import type { Metadata } from 'next'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { listAppConnections } from '#lib/auth/queries.ts'
import type { AppConnectionView } from '#lib/auth/schema.ts'
import { appServer } from '#lib/web/app-server.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { EndButton } from './end-button.client.tsx'

export const metadata: Metadata = { title: 'Connected apps' }

export default async function AppsPage() {
  const ctx = await currentCtx()
  const connections = await listAppConnections(ctx)
  const { resource } = appServer()
  return (
    <>
      <PageHeader
        title="Connected apps"
        description="Apps such as Claude that read the registry for you. They see at most what you may see now, and change nothing; every question is in the audit log."
      />
      <div className="grid gap-5">
        <Connect address={resource} />
        <DataTable
          caption="Apps that read for you"
          columns={columns}
          rows={connections}
          rowKey={(connection) => connection.id}
          empty={
            <EmptyState title="No app is connected">
              Give Claude the address above; it sends you here to allow it.
            </EmptyState>
          }
        />
      </div>
    </>
  )
}

function Connect({ address }: { address: string }) {
  const command = `claude mcp add --transport http wheelhouse ${address}`
  return (
    <Card
      title="Ask Claude about your agents"
      description="“Which agents can write to production?” Add this address as a connector; Claude then asks you here, once."
    >
      <dl className="grid gap-3">
        <Copied
          label="Claude Desktop and claude.ai: Settings, Connectors, Add custom connector"
          text={address}
          what="address"
        />
        <Copied label="Claude Code" text={command} what="command" />
      </dl>
    </Card>
  )
}

function Copied({ label, text, what }: { label: string; text: string; what: string }) {
  return (
    <div>
      <dt className="mb-1 text-[13px] text-muted-foreground">{label}</dt>
      <dd className="flex items-center gap-2 rounded-md bg-muted py-1 pr-1 pl-3">
        <code className="min-w-0 grow text-xs break-all">{text}</code>
        <CopyButton text={text} what={what} />
      </dd>
    </div>
  )
}

const stateTones = { active: 'ok', expired: 'neutral', revoked: 'neutral' } as const
const stateWords = { active: 'active', expired: 'expired', revoked: 'ended' } as const

const columns: readonly Column<AppConnectionView>[] = [
  {
    id: 'app',
    header: 'App',
    cell: ({ name, host }) => (
      <>
        <span className="font-medium">{name}</span>
        <span className="block text-xs text-muted-foreground">{host ?? 'registered itself'}</span>
      </>
    ),
  },
  { id: 'state', header: 'State', cell: ({ state }) => <Badge tone={stateTones[state]}>{stateWords[state]}</Badge> },
  {
    id: 'permissions',
    header: 'May',
    wide: true,
    cell: ({ permissions }) => <span className="text-[13px]">{permissions.join(', ')}</span>,
  },
  { id: 'created', header: 'Allowed', wide: true, cell: ({ createdAt }) => <Time value={createdAt} /> },
  {
    id: 'used',
    header: 'Last used',
    wide: true,
    cell: ({ lastUsedAt }) => <Time value={lastUsedAt} fallback="never" />,
  },
  { id: 'expires', header: 'Ends', wide: true, cell: ({ expiresAt }) => <Time value={expiresAt} /> },
  {
    id: 'end',
    header: <span className="sr-only">Action</span>,
    cell: ({ id, name, state }) => state === 'active' && <EndButton connectionId={id} name={name} />,
  },
]
