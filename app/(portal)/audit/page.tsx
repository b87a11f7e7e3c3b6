import type { Metadata } from 'next'
import Link from 'next/link'
import { auditColumns } from '#components/audit/audit-columns.tsx'
import { Button } from '#components/ui/button.tsx'
import { DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { listAuditEvents } from '#lib/audit/queries.ts'
import { auditQuery } from '#lib/audit/schema.ts'
import { can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { LiveTail } from './live-tail.client.tsx'

export const metadata: Metadata = { title: 'Audit log' }

const about = {
  title: 'Audit log',
  description: 'Everything that changed, was called or was refused, in order and append-only.',
}

export default async function AuditPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  if (!can(ctx.actor, 'audit:read')) {
    return (
      <>
        <PageHeader {...about} />
        <Notice title="Your roles do not include reading the audit log">
          It comes with: {rolesWith('audit:read').map(roleLabel).join(', ')}.
        </Notice>
      </>
    )
  }
  const search = await readListPage(auditQuery, searchParams, {
    list: (query) => listAuditEvents(ctx, query),
    place: 'before',
  })
  if (!search.ok) return <UnreadableSearch title={about.title} problem={search.error} clearHref={paths.audit()} />
  const { query, list: events, lost } = search.value
  const last = events.at(-1)
  return (
    <>
      <PageHeader {...about} actions={query.before === undefined && <LiveTail newest={events[0]?.seq ?? '0'} />} />
      <FilterForm action={paths.audit()} label="Filter the audit log">
        <Input
          name="agent"
          defaultValue={query.agent}
          placeholder="Agent id"
          aria-label="Agent id"
          className="w-full sm:w-52"
        />
        <Input
          name="actor"
          defaultValue={query.actor}
          placeholder="Actor"
          aria-label="Actor"
          className="w-full sm:w-44"
        />
        <Input
          name="event"
          defaultValue={query.event}
          placeholder="Event, e.g. mcp.call_denied"
          aria-label="Event"
          className="w-full sm:w-60"
        />
        <Input
          name="server"
          defaultValue={query.server}
          placeholder="Server id"
          aria-label="Server id"
          className="w-full sm:w-40"
        />
        <Input name="tool" defaultValue={query.tool} placeholder="Tool" aria-label="Tool" className="w-full sm:w-40" />
        <Select name="decision" defaultValue={query.decision ?? ''} aria-label="Decision" className="w-full sm:w-40">
          <option value="">Any decision</option>
          <option value="allow">allowed</option>
          <option value="deny">denied</option>
          <option value="hold">held</option>
        </Select>
        <Select name="outcome" defaultValue={query.outcome ?? ''} aria-label="Outcome" className="w-full sm:w-40">
          <option value="">Any outcome</option>
          <option value="error">errors</option>
          <option value="tool_error">errors of the tool</option>
          <option value="upstream_error">errors of the server</option>
          <option value="aborted">broken off</option>
        </Select>
        <Input
          name="rule"
          defaultValue={query.rule}
          placeholder="Rule, e.g. grant_missing"
          aria-label="Rule"
          className="w-full sm:w-48"
        />
      </FilterForm>
      <LostPlace lost={lost} />
      <DataTable
        caption="Audit events"
        columns={auditColumns}
        rows={events}
        rowKey={(event) => event.seq}
        empty={
          <EmptyState title="No event matches">Change the filter; nothing is ever removed from the log.</EmptyState>
        }
      />
      {last && events.length === query.limit && (
        <div className="mt-3 flex justify-end">
          <Button asChild size="sm">
            <Link href={hrefWith(paths.audit(), { ...query, before: last.seq })}>Older</Link>
          </Button>
        </div>
      )}
    </>
  )
}
