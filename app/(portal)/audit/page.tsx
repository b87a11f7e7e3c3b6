import type { Metadata } from 'next'
import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { listAuditEvents } from '#lib/audit/queries.ts'
import { auditQuery, type AuditView } from '#lib/audit/schema.ts'
import { can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith, parseSearch, type SearchParams } from '#lib/web/search.ts'
import { LiveTail } from './live-tail.client.tsx'

export const metadata: Metadata = { title: 'Audit' }

export default async function AuditPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const header = (
    <PageHeader
      title="Audit"
      description="Everything that changed, was called or was refused, in order and append-only."
    />
  )
  if (!can(ctx.actor, 'audit:read')) {
    return (
      <>
        {header}
        <Notice title="Your roles do not include reading the audit log">
          It comes with: {rolesWith('audit:read').map(roleLabel).join(', ')}.
        </Notice>
      </>
    )
  }
  const query = await parseSearch(auditQuery, searchParams)
  const events = await listAuditEvents(ctx, query)
  const last = events.at(-1)
  return (
    <>
      <PageHeader
        title="Audit"
        description="Everything that changed, was called or was refused, in order and append-only."
        actions={query.before === undefined && <LiveTail newest={events[0]?.seq ?? '0'} />}
      />
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
        <Select name="decision" defaultValue={query.decision ?? ''} aria-label="Decision" className="w-40">
          <option value="">Any decision</option>
          <option value="allow">allowed</option>
          <option value="deny">denied</option>
          <option value="hold">held</option>
        </Select>
      </FilterForm>
      <DataTable
        caption="Audit events"
        columns={columns}
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

const columns: readonly Column<AuditView>[] = [
  {
    id: 'seq',
    header: '#',
    numeric: true,
    wide: true,
    cell: (event) => <span className="font-mono text-xs text-muted-foreground">{event.seq}</span>,
  },
  { id: 'at', header: 'When', cell: (event) => <Time value={event.at} /> },
  {
    id: 'event',
    header: 'Event',
    cell: (event) => (
      <span className="flex flex-wrap items-center gap-1.5">
        <code className="text-[13px]">{event.event}</code>
        {event.decision === 'deny' && <Badge tone="danger">denied</Badge>}
        {event.decision === 'hold' && <Badge tone="held">held</Badge>}
        {event.rule && <code className="text-xs text-muted-foreground">{event.rule}</code>}
      </span>
    ),
  },
  {
    id: 'actor',
    header: 'Actor',
    cell: (event) => (
      <>
        {event.actor.name} <span className="text-xs text-muted-foreground">{event.actor.kind}</span>
      </>
    ),
  },
  { id: 'subject', header: 'On', cell: (event) => <Subject event={event} /> },
  {
    id: 'detail',
    header: 'Detail',
    wide: true,
    cell: (event) => (
      <details className="max-w-xl">
        <summary className="line-clamp-1 font-mono text-xs break-all text-muted-foreground">
          {JSON.stringify(event.detail)}
        </summary>
        <pre className="mt-1 overflow-x-auto rounded-md bg-muted p-2 text-xs whitespace-pre-wrap">
          {JSON.stringify(
            { ...event.detail, tool: event.tool ?? undefined, requestId: event.requestId ?? undefined },
            null,
            2,
          )}
        </pre>
      </details>
    ),
  },
]

const subjectPaths: Record<string, (id: string) => string> = {
  agent: (id) => paths.agent(id),
  run: (id) => paths.run(id),
  server: (id) => paths.server(id),
  template: (id) => paths.template(id),
}

function Subject({ event }: { event: AuditView }) {
  const path = subjectPaths[event.subject.kind]?.(event.subject.id)
  const text = event.tool ? `${event.subject.name} · ${event.tool}` : event.subject.name
  const kind = <span className="text-xs text-muted-foreground">{event.subject.kind}</span>
  if (!path) {
    return (
      <span className="break-words">
        {text} {kind}
      </span>
    )
  }
  return (
    <>
      <Link href={path} className="break-words text-accent hover:underline">
        {text}
      </Link>{' '}
      {kind}
    </>
  )
}
