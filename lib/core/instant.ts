import { z } from 'zod'

/** What both JavaScript and PostgreSQL can hold, with room for offsets; a year beyond is a mistake of whoever typed it. */
const first = Date.UTC(1900, 0, 1)
const last = Date.UTC(9999, 11, 31)
const outside = 'Use a time between the years 1900 and 9998.'

/** A time as ISO 8601 text, as requests carry it. */
export function timeText(options: { offset?: boolean; precision?: number; error?: string } = {}) {
  return z.iso.datetime(options).refine((text) => isHeld(new Date(text)), outside)
}

/** A day or a time as a `Date`, which a page may send as it is. Numbers are none: nobody can say of what. */
export const instant = z
  .union([z.date(), z.iso.datetime({ offset: true }), z.iso.date()], 'Use a time such as 2026-11-20T08:00:00Z.')
  .transform((time) => new Date(time))
  .refine(isHeld, outside)

function isHeld(time: Date): boolean {
  return time.getTime() >= first && time.getTime() < last
}
