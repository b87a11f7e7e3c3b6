import type { Metadata } from 'next'
import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { listAccessTokens } from '#lib/auth/queries.ts'
import type { AccessTokenView } from '#lib/auth/schema.ts'
import { paths } from '#lib/core/paths.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { NewTokenButton } from './new-token-button.client.tsx'
import { RevokeTokenButton } from './revoke-token-button.client.tsx'

export const metadata: Metadata = { title: 'Access tokens' }

export default async function TokensPage() {
  const ctx = await currentCtx()
  const tokens = await listAccessTokens(ctx)
  return (
    <>
      <PageHeader
        title="Access tokens"
        description={
          <>
            For the CLI and your own programs: see the{' '}
            <Link href={paths.apiReference()} className="text-accent underline">
              API reference
            </Link>
            . A token can do at most what you can, and only what you choose here.
          </>
        }
        actions={<NewTokenButton permissions={[...ctx.actor.permissions].toSorted()} />}
      />
      <DataTable
        caption="Your access tokens"
        columns={columns}
        rows={tokens}
        rowKey={(token) => token.id}
        empty={
          <EmptyState title="You have no tokens">
            Make one to use the CLI from another machine, or the HTTP API.
          </EmptyState>
        }
      />
    </>
  )
}

const stateTones = { active: 'ok', expired: 'neutral', revoked: 'neutral' } as const
const permissionsShown = 4

const columns: readonly Column<AccessTokenView>[] = [
  {
    id: 'name',
    header: 'Token',
    cell: (token) => (
      <>
        <span className="font-medium">{token.name}</span>
        <code className="block text-xs text-muted-foreground">{token.prefix}…</code>
      </>
    ),
  },
  { id: 'state', header: 'State', cell: (token) => <Badge tone={stateTones[token.state]}>{token.state}</Badge> },
  {
    id: 'permissions',
    header: 'May',
    wide: true,
    cell: (token) => (
      <details className="max-w-md text-[13px]">
        <summary>
          {token.permissions.slice(0, permissionsShown).join(', ')}
          {token.permissions.length > permissionsShown && ` and ${token.permissions.length - permissionsShown} more`}
        </summary>
        <p className="mt-1 text-muted-foreground">{token.permissions.join(', ')}</p>
      </details>
    ),
  },
  { id: 'created', header: 'Made', wide: true, cell: (token) => <Time value={token.createdAt} /> },
  { id: 'used', header: 'Last used', wide: true, cell: (token) => <Time value={token.lastUsedAt} fallback="never" /> },
  { id: 'expires', header: 'Ends', cell: (token) => <Time value={token.expiresAt} /> },
  {
    id: 'revoke',
    header: <span className="sr-only">Action</span>,
    cell: (token) => token.state === 'active' && <RevokeTokenButton tokenId={token.id} name={token.name} />,
  },
]
