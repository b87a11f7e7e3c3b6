import type { Metadata } from 'next'
import Link from 'next/link'
import { auditColumns } from '#components/audit/audit-columns.tsx'
import { Button } from '#components/ui/button.tsx'
import { DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { listAuditEvents } from '#lib/audit/queries.ts'
import { auditQuery } from '#lib/audit/schema.ts'
import { paths } from '#lib/core/paths.ts'
import { hrefWith, parseSearch, type SearchParams } from '#lib/web/search.ts'
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
  const { before } = await parseSearch(auditQuery.pick({ before: true }), searchParams)
  const query = auditQuery.parse({ agent: agent.id, before })
  const events = await listAuditEvents(ctx, query)
  const last = events.at(-1)
  return (
    <>
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
