import { decodeCursor, encodeCursor, type RowCursor, rowCursor } from './http/query.ts'

type Dated = { id: string; createdAt: Date }
type Order = 'asc' | 'desc'

export type PageArgs = { limit: number; page?: string | undefined; order?: Order }

/** What to ask the database for: one row more than the page, in keyset order from the cursor. */
export function pageFilter(args: PageArgs) {
  const cursor = args.page === undefined ? null : decodeCursor(rowCursor, args.page)
  const order = direction(args.order ?? 'desc', cursor)
  return {
    where: cursor ? { OR: beyond(cursor, order) } : {},
    orderBy: [{ createdAt: order }, { id: order }],
    take: args.limit + 1,
  }
}

/** The page of those rows with the cursors of its neighbours. */
export function toPage<Row extends Dated, View>(rows: readonly Row[], args: PageArgs, toView: (row: Row) => View) {
  const cursor = args.page === undefined ? null : decodeCursor(rowCursor, args.page)
  const more = rows.length > args.limit
  const kept = rows.slice(0, args.limit)
  const backwards = cursor?.d === 'prev'
  const shown = backwards ? kept.toReversed() : kept
  const last = shown.at(-1)
  const first = shown[0]
  return {
    data: shown.map(toView),
    next_page: last && (backwards || more) ? cursorOf(last, 'next') : null,
    prev_page: first && (backwards ? more : cursor !== null) ? cursorOf(first, 'prev') : null,
  }
}

function direction(order: Order, cursor: RowCursor | null): Order {
  if (cursor?.d !== 'prev') return order
  return order === 'asc' ? 'desc' : 'asc'
}

function beyond(cursor: RowCursor, order: Order) {
  const at = new Date(cursor.t)
  return order === 'asc'
    ? [{ createdAt: { gt: at } }, { createdAt: at, id: { gt: cursor.id } }]
    : [{ createdAt: { lt: at } }, { createdAt: at, id: { lt: cursor.id } }]
}

function cursorOf(row: Dated, d: RowCursor['d']): string {
  return encodeCursor({ t: row.createdAt.toISOString(), id: row.id, d })
}
