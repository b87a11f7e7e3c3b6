import Link from 'next/link'
import { RuleLink } from '#components/rules/rule-link.tsx'
import { Badge } from '#components/ui/badge.tsx'
import type { Column } from '#components/ui/data-table.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { AuditView } from '#lib/audit/schema.ts'
import { paths } from '#lib/core/paths.ts'

/** Columns of audit lists: of everything, and of one agent. */
export const auditColumns: readonly Column<AuditView>[] = [
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
        {event.rule && <RuleLink as="id" id={event.rule} decisionId={event.id} />}
        {!event.rule && event.decision && (
          <Link href={paths.decision(event.id)} className="text-xs underline decoration-dotted underline-offset-2">
            why
          </Link>
        )}
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
  const isTool = event.subject.kind === 'tool' && event.serverId !== null
  const path = isTool ? paths.server(event.serverId!) : subjectPaths[event.subject.kind]?.(event.subject.id)
  const text = isTool
    ? `${event.serverId} · ${event.tool ?? event.subject.name}`
    : event.tool
      ? `${event.subject.name} · ${event.tool}`
      : event.subject.name
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
      <Link href={path} className="break-words text-accent underline underline-offset-2">
        {text}
      </Link>{' '}
      {kind}
    </>
  )
}
