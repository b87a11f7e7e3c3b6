import type { Metadata } from 'next'
import Link from 'next/link'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { can } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { listWebhooks } from '#lib/webhooks/queries.ts'
import type { WebhookView } from '#lib/webhooks/schema.ts'
import { NewWebhookButton } from './new-webhook-button.client.tsx'
import { WebhookState } from './state-badge.tsx'

export const metadata: Metadata = { title: 'Webhooks' }

export default async function WebhooksPage() {
  const ctx = await currentCtx()
  const refused = whyNot(ctx.actor, 'webhooks:manage')
  const webhooks = can(ctx.actor, 'webhooks:manage') ? await listWebhooks(ctx) : []
  return (
    <>
      <PageHeader
        title="Webhooks"
        description="Addresses outside that are told of audit events as they happen, signed as the Standard Webhooks specification says."
        actions={<NewWebhookButton whyNot={refused} />}
      />
      <DataTable
        caption="Webhooks"
        columns={columns}
        rows={webhooks}
        rowKey={(webhook) => webhook.id}
        empty={
          <EmptyState title={refused ? 'You may not see webhooks' : 'There are no webhooks'}>
            {refused ??
              'Make one to tell a pager, a chat or a program of yours when an agent is stopped or a scope is asked for.'}
          </EmptyState>
        }
      />
    </>
  )
}

const columns: readonly Column<WebhookView>[] = [
  {
    id: 'url',
    header: 'Address',
    cell: (webhook) => (
      <>
        <Link href={paths.webhook(webhook.id)} className="font-medium break-all hover:underline">
          {webhook.url}
        </Link>
        {webhook.description && <span className="block text-[13px] text-muted-foreground">{webhook.description}</span>}
      </>
    ),
  },
  { id: 'state', header: 'State', cell: (webhook) => <WebhookState webhook={webhook} /> },
  {
    id: 'events',
    header: 'Told of',
    wide: true,
    cell: (webhook) => <code className="text-xs">{webhook.events.join(' ')}</code>,
  },
  { id: 'delivered', header: 'Delivered 7 d', numeric: true, wide: true, cell: ({ week }) => week.delivered },
  { id: 'failed', header: 'Failed 7 d', numeric: true, cell: ({ week }) => week.failed },
]
