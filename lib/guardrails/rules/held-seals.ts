import { digestOf } from '#lib/core/canonical-json.ts'

/**
 * The row of a held call: all of its columns, so that one which is added later is sealed, too. What is null is no part of a seal: so a column that is added without a default changes no seal
 * from before, and one that is filled or emptied afterwards does.
 */
export type HeldColumns = Readonly<Record<string, unknown>>

/** What is written when it has been decided. */
const endColumns = ['approval', 'settledAt', 'settledBy']

/** What comes with the decision or after it. */
const decidedColumns = ['editedArguments', 'decidedById', 'decidedForId', 'decidedAt', 'note', ...endColumns]

/** And what changes while the call waits. */
const laterColumns = ['hold', 'state', 'seenAt', ...decidedColumns]

/** SHA-256 of what is held: the exact call, its rule, who may decide, until when, and what follows if nobody does. */
export function sealOfHold(row: HeldColumns): string {
  return digestOf(without(row, laterColumns))
}

/** SHA-256 of what was decided: what was held, what became of it, who decided, what it is released with, until when. */
export function sealOfDecision(row: HeldColumns): string {
  return digestOf(without(row, endColumns))
}

/** Whether the row is as it was held and nothing of a decision is in it yet. */
export function isAsHeld(row: HeldColumns): boolean {
  return row['hold'] === sealOfHold(row) && decidedColumns.every((name) => row[name] === null)
}

/** Whether the row is as it was decided; one that says who settled it was settled. */
export function isAsDecided(row: HeldColumns): boolean {
  return row['approval'] === sealOfDecision(row) && (row['settledAt'] !== null || row['settledBy'] === null)
}

function without(row: HeldColumns, names: readonly string[]): HeldColumns {
  return Object.fromEntries(Object.entries(row).filter(([name, value]) => value !== null && !names.includes(name)))
}
