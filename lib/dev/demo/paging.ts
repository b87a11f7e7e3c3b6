import { z } from 'zod'
import { ToolRefusal } from './tool.ts'

/** The paging arguments every list tool takes. */
export const pageInput = {
  cursor: z
    .string()
    .max(20)
    .optional()
    .describe('Where to go on: next_cursor of the page before. Leave out for the first page.'),
  limit: z.int().min(1).max(100).default(50).describe('How many at most, 1 to 100.'),
}

/** What every list tool answers beside its rows. */
export const pageOutput = {
  total: z.int().describe('How many match the filters in all.'),
  next_cursor: z.string().nullable().describe('Pass as cursor for the next page; null on the last one.'),
}

export function pageOf<T>(rows: readonly T[], { cursor, limit }: { cursor?: string | undefined; limit: number }) {
  const start = cursor === undefined ? 0 : Number(cursor)
  if (!Number.isSafeInteger(start) || start < 0) throw new ToolRefusal('cursor is not one that this tool gave out.')
  const end = start + limit
  return { rows: rows.slice(start, end), total: rows.length, next_cursor: end < rows.length ? String(end) : null }
}

export const day = z.iso.date().describe('A day, YYYY-MM-DD.')
export const decimalAmount = z.string().regex(/^-?\d+\.\d{2}$/)
