import type { Metadata } from 'next'
import Link from 'next/link'
import { auditColumns } from '#components/audit/audit-columns.tsx'
import { Button } from '#components/ui/button.tsx'
import { DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { listAuditEvents } from '#lib/audit/queries.ts'
import { auditQuery } from '#lib/audit/schema.ts'
import { paths } from '#lib/core/paths.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { loadAgent } from '../../load-agent.ts'

export const metadata: Metadata = { title: 'Audit' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

export default async function AgentAuditPage({ params, searchParams }: Props) {
  const { ctx, agent } = await loadAgent((await params).id)
  const refused = whyNot(ctx.actor, 'audit:read')
  if (refused)
    return (
      <Notice title="The audit log is not for every role">
        {refused}{' '}
        <Link href={paths.agentActivity(agent.id)} className="underline underline-offset-2">
          What happened to it, without its calls
        </Link>
      </Notice>
    )
  const search = await readListPage(auditQuery.pick({ before: true, limit: true }), searchParams, {
    list: (query) => listAuditEvents(ctx, { ...query, agent: agent.id }),
    place: 'before',
  })
  if (!search.ok) return <UnreadableSearch problem={search.error} clearHref={paths.agent(agent.id, 'audit')} />
  const { query, list: events, lost } = search.value
  const last = events.at(-1)
  return (
    <>
      <LostPlace lost={lost} />
      <DataTable
        caption={`Audit events of ${agent.name}`}
        columns={auditColumns}
        rows={events}
        rowKey={(event) => event.seq}
        empty={
          <EmptyState title="Nothing recorded">
            Demo history has no audit events; everything real leaves one.
          </EmptyState>
        }
      />
      <div className="mt-3 flex flex-wrap justify-between gap-2">
        <Button asChild variant="link">
          <Link href={hrefWith(paths.audit(), { agent: agent.id })}>Filter further in the audit log</Link>
        </Button>
        {last && events.length === query.limit && (
          <Button asChild size="sm">
            <Link href={hrefWith(paths.agent(agent.id, 'audit'), { before: last.seq })}>Older</Link>
          </Button>
        )}
      </div>
    </>
  )
}
