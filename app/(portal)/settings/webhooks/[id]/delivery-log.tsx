import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { cn } from '#components/ui/cn.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { WebhookDeliveryPage, WebhookDeliveryView } from '#lib/webhooks/schema.ts'
import { ReplayButton } from './replay-button.client.tsx'

const states = [undefined, 'pending', 'delivered', 'failed'] as const
const tones = { pending: 'held', delivered: 'ok', failed: 'danger' } as const

/** Every message to one address, with each attempt. */
export function DeliveryLog({
  webhookId,
  page,
  state,
}: {
  webhookId: string
  page: WebhookDeliveryPage
  state: WebhookDeliveryView['state'] | undefined
}) {
  const href = (query: Record<string, string | undefined>) => {
    const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined)
    return `${paths.webhook(webhookId)}${given.length > 0 ? `?${new URLSearchParams(given)}` : ''}`
  }
  return (
    <section aria-labelledby="deliveries">
      <div className="mb-2 flex flex-wrap items-center justify-between gap-3">
        <h2 id="deliveries" className="text-sm font-semibold">
          Deliveries
        </h2>
        <nav aria-label="Deliveries by state" className="flex flex-wrap gap-1">
          {states.map((each) => (
            <Link
              key={each ?? 'all'}
              href={href({ state: each })}
              aria-current={each === state ? 'page' : undefined}
              className={cn(
                'rounded-md px-2.5 py-1 text-[13px] hover:bg-muted',
                each === state && 'bg-muted font-medium',
              )}
            >
              {each ?? 'all'}
            </Link>
          ))}
        </nav>
      </div>
      <DataTable
        caption="Deliveries"
        columns={columnsFor(webhookId)}
        rows={page.items}
        rowKey={(delivery) => delivery.id}
        empty={<EmptyState title="No deliveries">Send a test to see whether the receiver answers.</EmptyState>}
      />
      {page.nextCursor && (
        <div className="mt-3 flex justify-end">
          <Button size="sm" asChild>
            <Link href={href({ state, before: page.nextCursor })}>Older</Link>
          </Button>
        </div>
      )}
    </section>
  )
}

function columnsFor(webhookId: string): readonly Column<WebhookDeliveryView>[] {
  return [
    {
      id: 'event',
      header: 'Event',
      cell: (delivery) => (
        <details className="min-w-0">
          <summary className="cursor-pointer">
            <code className="text-xs">{delivery.event}</code>
          </summary>
          <pre className="mt-2 max-h-64 max-w-[60ch] overflow-auto rounded-md bg-muted p-2 text-xs" tabIndex={0}>
            {JSON.stringify(JSON.parse(delivery.body), null, 2)}
          </pre>
        </details>
      ),
    },
    { id: 'state', header: 'State', cell: ({ state }) => <Badge tone={tones[state]}>{state}</Badge> },
    { id: 'attempts', header: 'Attempts', cell: (delivery) => <Attempts delivery={delivery} /> },
    { id: 'created', header: 'Made', wide: true, cell: ({ createdAt }) => <Time value={createdAt} /> },
    {
      id: 'again',
      header: <span className="sr-only">Action</span>,
      cell: ({ id, state }) =>
        state !== 'pending' && <ReplayButton webhookId={webhookId} deliveryId={id} label="Send again" />,
    },
  ]
}

function Attempts({ delivery: { attempts, nextAttemptAt, state } }: { delivery: WebhookDeliveryView }) {
  return (
    <ol className="grid gap-0.5 text-[13px]">
      {attempts.map(({ number, at, ms, status, error }) => (
        <li key={number}>
          <Time value={at} />: {status ?? error} <span className="text-muted-foreground">({ms} ms)</span>
        </li>
      ))}
      {state === 'pending' && (
        <li className="text-muted-foreground">
          next <Time value={nextAttemptAt} />
        </li>
      )}
    </ol>
  )
}
