import type { ToolFacts } from '#lib/guardrails/rules/facts.ts'
import { isObservable, observeArguments } from '#lib/guardrails/rules/argument-observation.ts'
import { withoutTexts } from '#lib/registry/rules/argument-profile.ts'
import type { AuditRow } from './records.ts'

// What the arguments of a call were like is stored with its row, in the same statement, until the worker has added it to a profile: never in the log itself,
// which keeps what it is given for ever.

const observation = Symbol('observation')

type ObservingRow = AuditRow & { [observation]?: string }

/** The row of a call, together with what its arguments were like; nothing of their texts where the server has data of people or credentials. Methods of MCP have none. The call has happened: nothing that is wrong here may keep it from its record. */
export function observing(
  row: AuditRow,
  { tool, given, isPrivate }: { tool: ToolFacts; given: unknown; isPrivate: boolean },
): AuditRow {
  if (tool.isMethod) return row
  try {
    if (!isObservable(given)) return row
    const observed = observeArguments(given ?? {})
    ;(row as ObservingRow)[observation] = JSON.stringify(isPrivate ? withoutTexts(observed) : observed)
  } catch {
    // The worker counts it as one of which nothing is known.
  }
  return row
}

/** As JSON; null: nothing is to be stored with it. */
export function observationOf(row: AuditRow): string | null {
  return (row as ObservingRow)[observation] ?? null
}

/** The statement that appends rows, with what there is of observations: each once, also when a row comes again because nobody knows whether it was stored. */
export function appendStatement(
  rows: string,
  { observed, nudge }: { observed: readonly { id: string; facts: string }[]; nudge: boolean },
): { name: string; text: string; values: unknown[] } {
  if (observed.length === 0) {
    return { name: 'audit_append', text: 'select audit_append($1::jsonb, $2)', values: [rows, nudge] }
  }
  return {
    name: 'audit_append_observed',
    text: `with observed as (
        insert into "ArgumentObservation" ("eventId", "facts")
        select o."id", o."facts" from json_to_recordset($3::json) as o("id" uuid, "facts" json) on conflict do nothing
      ) select audit_append($1::jsonb, $2)`,
    values: [rows, nudge, `[${observed.map(({ id, facts }) => `{"id":"${id}","facts":${facts}}`).join(',')}]`],
  }
}
