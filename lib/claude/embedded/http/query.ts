import { z } from 'zod'
import { invalid } from './errors.ts'

/** The SDK writes lists as `name[]=a&name[]=b` and ranges as `created_at[gte]=…`; this gives `{ name: ['a', 'b'], 'created_at[gte]': '…' }`. */
export function readQuery(search: URLSearchParams): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {}
  for (const key of new Set(search.keys())) {
    if (key.endsWith('[]')) query[key.slice(0, -2)] = search.getAll(key)
    else query[key] = search.get(key) ?? ''
  }
  return query
}

/** Validates at the edge; the message names every wrong field with its path. */
export function parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
  throw invalid(problems.join('; '))
}

export const timestamp = z.iso.datetime({ offset: true }).transform((value) => new Date(value))

/** Page size and cursor; the standard size differs by resource. */
export function pageQuery(standard: number, max: number) {
  return {
    limit: z.coerce.number().int().min(1).max(max).default(standard),
    page: z.string().max(500).optional(),
  }
}

/** Cursors are opaque to clients; what is inside is checked again when it comes back. */
export function encodeCursor(value: Record<string, string | number>): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

export function decodeCursor<S extends z.ZodType>(schema: S, cursor: string): z.output<S> {
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
  } catch {
    throw invalid('page: this is not a cursor of this list.')
  }
}

/** Where a list ordered by creation goes on: after this row, in the list's direction. */
export const rowCursor = z.strictObject({ t: z.iso.datetime(), id: z.string(), d: z.enum(['next', 'prev']) })

export type RowCursor = z.infer<typeof rowCursor>
