import type { Tx } from '#lib/db/client.ts'
import { injectionMarks, markText } from '#lib/guardrails/rules/injection.ts'
import type { LogEntry } from './run-log.ts'

type Guarded = {
  id: string
  at: Date
  serverId: string
  tool: string
  rule: string | null
  marks: string[]
  masked: Record<string, number>
}

/** What the broker's guards found in the answers a run was given, as notes of its log: each once, because the key is that of the audit record. */
export async function guardNotes(tx: Tx, runId: string): Promise<LogEntry[]> {
  const rows = await tx.$queryRaw<Guarded[]>`
    select "id", "at", "serverId", "tool", "rule", coalesce("detail"->'marks', '[]') as "marks", coalesce("detail"->'masked', '{}') as "masked"
    from "AuditEvent"
    where "runId" = ${runId}::uuid and "event" = 'mcp.call_allowed' and ("detail" ? 'marks' or "detail" ? 'masked')
    order by "seq"`
  return rows.map((row) => ({
    kind: 'note',
    payload: { text: noteText(row) },
    at: row.at,
    key: `guards:${row.id}`,
  }))
}

function noteText({ serverId, tool, rule, marks, masked }: Guarded): string {
  const said = injectionMarks.filter((mark) => marks.includes(mark)).map(markText)
  const kinds = Object.entries(masked).map(([kind, count]) => `${count} × ${kind.replaceAll('_', ' ')}`)
  const parts = [
    ...(said.length > 0 ? [`it ${said.join(', and ')} (${rule === 'result_marked' ? 'refused' : 'passed on'})`] : []),
    ...(kinds.length > 0 ? [`secrets in it were masked: ${kinds.join(', ')}`] : []),
  ]
  return `Answer of ${serverId}/${tool}: ${parts.join('; ')}.`
}
