import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { ExplainedFacts } from '#lib/guardrails/schema/explanation.ts'
import { type AuditRow, type CallRecord, passedOnRow } from './audit/records.ts'
import { type End, endOf, explainedEnd } from './call-ends.ts'
import type { CallEnded } from './in-flight.ts'
import { type PipelineParts, recorded } from './pipeline-parts.ts'

/** An end, what of it is explained, and the row that tells it. */
export type RecordedEnd = { end: End; explained: ExplainedFacts | undefined; row: AuditRow }

/**
 * What a call is answered that a rule has ended. Mostly that is what its record says. If the rule came while the end was being written, the record says nothing of it: then another
 * one says that the answer stayed here, durable or kept until it is.
 */
export async function withheld(
  parts: PipelineParts,
  record: CallRecord,
  { call, said, by }: { call: ToolCall; said: RecordedEnd; by: CallEnded },
): Promise<RecordedEnd> {
  const end = endOf(by)
  const { denial } = end
  if (said.end.denial === denial) return said
  const explained = explainedEnd(parts, end, call)
  const row = passedOnRow(record, {
    outcome: 'aborted',
    // A result that was to be passed on has no end on record yet.
    withheld: said.end.outcome !== 'streamed',
    bytes: 0,
    ms: 0,
    reason: denial?.message ?? null,
    denial,
    explained,
    findings: null,
    now: parts.now(),
  })
  await recorded(parts, row, { happened: true })
  return { end, explained, row }
}
