import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { z } from 'zod'
import { Card } from '#components/ui/card.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { RefreshWhile } from '#components/ui/refresh-while.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { getWebhook, listWebhookDeliveries } from '#lib/webhooks/queries.ts'
import { deliveryListQuery } from '#lib/webhooks/schema.ts'
import { WebhookState } from '../state-badge.tsx'
import { DeliveryLog } from './delivery-log.tsx'
import { WebhookActions } from './webhook-actions.client.tsx'

export const metadata: Metadata = { title: 'Webhook' }

type Props = { params: Promise<{ id: string }>; searchParams: Promise<Record<string, string | string[] | undefined>> }

export default async function WebhookPage({ params, searchParams }: Props) {
  const ctx = await currentCtx()
  const { id } = await params
  if (!z.uuid().safeParse(id).success) notFound()
  const refused = whyNot(ctx.actor, 'webhooks:manage')
  if (refused) {
    return (
      <>
        <PageHeader crumbs={[{ href: paths.webhooks(), label: 'Webhooks' }]} title="Webhook" />
        <EmptyState title="You may not see webhooks">{refused}</EmptyState>
      </>
    )
  }
  const webhook = await orNotFound(getWebhook(ctx, id))
  const search = await readListPage(deliveryListQuery, searchParams, {
    list: (query) => listWebhookDeliveries(ctx, id, query),
    place: 'before',
  })
  if (!search.ok) return <UnreadableSearch title="Webhook" problem={search.error} clearHref={paths.webhook(id)} />
  const { query, list: page, lost } = search.value
  const waits = page.items.some(
    ({ nextAttemptAt }) => nextAttemptAt && Date.parse(nextAttemptAt) < ctx.now.getTime() + 60_000,
  )
  return (
    <>
      <RefreshWhile active={waits} />
      <PageHeader
        crumbs={[{ href: paths.webhooks(), label: 'Webhooks' }]}
        title={new URL(webhook.url).host}
        description={webhook.description}
        badges={<WebhookState webhook={webhook} />}
        actions={<WebhookActions webhookId={id} enabled={webhook.enabled} host={new URL(webhook.url).host} />}
      />
      {webhook.disabledReason && (
        <Notice kind="warn" title="It is switched off" className="mb-4">
          {webhook.disabledReason} What happens meanwhile is not sent later; it is in the audit log.
        </Notice>
      )}
      <Card className="mb-5">
        <Facts>
          <Fact label="Address">
            <code className="text-xs break-all">{webhook.url}</code>
          </Fact>
          <Fact label="Told of">
            <code className="text-xs">{webhook.events.join(' ')}</code>
          </Fact>
          {webhook.failingSince && (
            <Fact label="Failing since">
              <Time value={webhook.failingSince} />; after five days without a success it is switched off
            </Fact>
          )}
          {webhook.previousSecretUntil && (
            <Fact label="Secret before">
              signs as well until <Time value={webhook.previousSecretUntil} />
            </Fact>
          )}
          <Fact label="Made">
            <Time value={webhook.createdAt} /> by {webhook.createdBy}
          </Fact>
        </Facts>
      </Card>
      <LostPlace lost={lost} />
      <DeliveryLog webhookId={id} page={page} state={query.state} />
    </>
  )
}
