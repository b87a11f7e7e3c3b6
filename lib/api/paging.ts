import { z } from 'zod'
import { DomainError } from '#lib/core/errors.ts'
import { text } from './answers/words.ts'

/** What a list of the API takes that is read as a whole and told a page at a time. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  /** `nextCursor` of the page before. */
  cursor: z.string().max(1000).optional(),
})
type PageQuery = z.output<typeof pageQuery>

/** A page of a list; follow `nextCursor`, or the Link header, until it is null. */
export function pagedOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ items: z.array(item), nextCursor: text.nullable() })
}

export type Page<T> = { items: T[]; nextCursor: string | null }

const content = z.strictObject({ id: z.string().max(500), next: z.int().nonnegative() })

/**
 * A page of a list that is small enough to be read as a whole. It goes on behind the last item shown; when that is gone, at its place. Throws
 * 'invalid' for a cursor that is none of ours.
 */
export function pageOf<T>(all: readonly T[], { limit, cursor }: PageQuery, idOf: (item: T) => string): Page<T> {
  const start = cursor === undefined ? 0 : startAfter(all, readCursor(cursor), idOf)
  const items = all.slice(start, start + limit)
  const last = items.at(-1)
  const more = last !== undefined && start + items.length < all.length
  return { items, nextCursor: more ? writeCursor({ id: idOf(last), next: start + items.length }) : null }
}

function startAfter<T>(all: readonly T[], at: z.output<typeof content>, idOf: (item: T) => string): number {
  const last = all.findIndex((item) => idOf(item) === at.id)
  return last === -1 ? at.next : last + 1
}

function writeCursor(at: z.output<typeof content>): string {
  return Buffer.from(JSON.stringify(at)).toString('base64url')
}

function readCursor(cursor: string): z.output<typeof content> {
  try {
    return content.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
  } catch {
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', {
      field: 'cursor',
      rule: 'api:cursor',
    })
  }
}
