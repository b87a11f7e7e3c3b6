/** What was asked for longer ago was of another situation: it is asked for anew. */
const askedMs = 7 * 86_400_000

/** Whether what somebody asked for still waits for a second person. */
export function stillWaits(askedAt: Date, now: Date): boolean {
  return now.getTime() - askedAt.getTime() < askedMs
}

/** When it waits no more, unless a second person has come. */
export function waitsUntil(askedAt: Date): Date {
  return new Date(askedAt.getTime() + askedMs)
}

/** Of what is asked for, what was so since then waits still. */
export function waitsSince(now: Date): Date {
  return new Date(now.getTime() - askedMs)
}

/** Whether somebody else has asked for the end of this, not long ago: then whoever asks now is the second of the two whom it takes. */
export function endIsAsked(
  { endAskedById, endAskedAt }: { endAskedById: string | null; endAskedAt: Date | null },
  { by, now }: { by: string; now: Date },
): boolean {
  if (endAskedById === null || endAskedAt === null || endAskedById === by) return false
  return stillWaits(endAskedAt, now)
}

/** The end that is asked for and still counts, for whoever reads of it; null: none. */
export function askedEnd<P>(
  row: { endAskedById: string | null; endAskedAt: Date | null; endAskedReason: string | null },
  { now, person }: { now: Date; person: (id: string) => P },
): { by: P; at: string; reason: string } | null {
  const { endAskedById, endAskedAt, endAskedReason } = row
  if (endAskedById === null || endAskedAt === null || !endIsAsked(row, { by: '', now })) return null
  return { by: person(endAskedById), at: endAskedAt.toISOString(), reason: endAskedReason ?? '' }
}

/** Nobody has asked for its end, or nobody does any more. */
export const endNotAsked = { endAskedById: null, endAskedAt: null, endAskedReason: null } as const

/** Whether whoever asked for the end of this may take that back: they themselves, while it still waits for a second person. */
export function endWithdrawal(
  row: { endAskedById: string | null; endAskedAt: Date | null },
  { by, now }: { by: string; now: Date },
): 'possible' | 'not_asked' | 'not_theirs' {
  if (!endIsAsked(row, { by: '', now })) return 'not_asked'
  return row.endAskedById === by ? 'possible' : 'not_theirs'
}
