import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { roleNames } from '#lib/auth/permissions.ts'
import type { AuditEventName, AuditEvents } from '#lib/audit/events.ts'
import { plural } from '#lib/core/count.ts'
import type { RequestMoment } from '../schema/context.ts'

/** What was refused changed nothing of the request. */
type Requests = Exclude<Extract<AuditEventName, `scope_request.${string}`>, 'scope_request.refused'>
type Row<N extends Requests = Requests> = {
  at: Date
  event: N
  actorKind: string
  actorName: string
  detail: AuditEvents[N]
}

/** What happened to a request, oldest first, from the audit log. Callers authorize. */
export async function historyOf(ctx: Ctx, request: { id: string; agentId: string }): Promise<RequestMoment[]> {
  const rows = await reader(ctx).$queryRaw<Row[]>`
    select "at", "event", "actorKind"::text as "actorKind", "actorName", "detail" from "AuditEvent"
    where "agentId" = ${request.agentId} and "event" not like 'mcp.%' and starts_with("event", 'scope_request.') and "event" <> 'scope_request.refused'
      and "detail"->>'requestId' = ${request.id}
    order by "seq"`
  return rows.map((row) => ({
    at: row.at.toISOString(),
    event: row.event,
    by: row.actorKind === 'person' ? row.actorName : null,
    says: saysOf(row),
  }))
}

function saysOf(row: Row): string {
  const says = words[row.event] as (detail: Row['detail']) => string
  // Whoever changed the rules, or nobody: then it was something that they go by.
  const changed = row.event === 'scope_request.due_changed' && row.actorKind === 'person'
  return changed ? `changed the rules: ${says(row.detail)}` : says(row.detail)
}

const words: { [N in Requests]: (detail: AuditEvents[N]) => string } = {
  'scope_request.created': ({ askedClass, class: needed }) =>
    askedClass === undefined ? 'asked for it' : `asked for it as ${askedClass}; its tools need ${needed} only`,
  'scope_request.revised': ({ revision, askedClass, after }) =>
    `changed what is asked for: revision ${revision}${askedClass === undefined ? '' : `, as ${askedClass}; its tools need ${String(after['class'])} only`}`,
  'scope_request.step_approved': ({ step, of, note }) => `approved step ${step} of ${of}${noted(note)}`,
  'scope_request.auto_approved': ({ approvalRule }) => `Granted at once by “${approvalRule}”`,
  'scope_request.changes_requested': ({ note }) => `asked for changes${noted(note)}`,
  'scope_request.approved': ({ note }) => `approved it${noted(note)}`,
  'scope_request.rejected': ({ note }) => `rejected it${noted(note)}`,
  'scope_request.withdrawn': () => 'took it back',
  'scope_request.reminded': ({ dueAt }) => `Those who are asked were reminded: due ${minute(dueAt)}`,
  'scope_request.overdue': ({ dueAt }) => `Nobody has decided in time: it was due ${minute(dueAt)}`,
  'scope_request.escalated': ({ step, of, roles, teamId }) =>
    `Passed on to ${[...roleNames(roles), ...(teamId === null ? [] : [`the team ${teamId}`])].join(' and ')} (${step} of ${plural(of, 'time')})`,
  'scope_request.due_changed': ({ before, after, approvalRule }) =>
    `“${approvalRule}” holds now, so it is due ${minute(after)} instead of ${minute(before)}`,
}

function noted(note: string | null): string {
  return note ? `: ${note}` : ''
}

/** 2026-11-26 09:30 UTC */
function minute(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`
}
