import { auditRow } from '#lib/audit/commands.ts'
import type { ResultFindings } from '#lib/guardrails/rules/guard-result.ts'
import { actorOf, type AuditRow, auditText, type CallRecord, foundOf, serverOf } from './records.ts'

// Rows of streams that outlive a call, or that none began.

/** A stream that no call began, or the rest of one that a call began. */
export function streamOpenedRow(
  who: Pick<CallRecord, 'agent' | 'caller'>,
  { serverId, resumes, now }: { serverId: string; resumes: string | null; now: Date },
): AuditRow {
  return auditRow(
    { actor: actorOf(who.agent), now },
    { event: 'mcp.stream_opened', ...serverOf(who, serverId), detail: { resumes } },
  )
}

/** What was found in a message of such a stream. */
export function noticeFoundRow(
  who: Pick<CallRecord, 'agent' | 'caller'>,
  about: { serverId: string; method: string; findings: ResultFindings; refused: 'result_marked' | null; now: Date },
): AuditRow {
  const { serverId, method, findings, refused, now } = about
  return auditRow(
    { actor: actorOf(who.agent), now },
    {
      event: 'mcp.notice_guarded',
      ...serverOf(who, serverId),
      ...(refused ? { rule: refused } : {}),
      detail: { method: auditText(method), ...foundOf(findings) },
    },
  )
}
