import { ArrowDown, ArrowUp, ChevronsUpDown } from 'lucide-react'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { cn } from './cn.ts'

export type Column<Row> = {
  id: string
  header: ReactNode
  cell: (row: Row) => ReactNode
  /** Numbers stand right, in figures of one width. */
  numeric?: boolean
  /** The field the server sorts by, if it can. */
  sort?: string
  /** Left out on narrow screens, where the row's link leads to it; `very` also below 1536 px, where the table would be cramped. */
  wide?: boolean | 'very'
  className?: string
  /** Stays in sight at the right end where the table scrolls sideways on a phone: what is done to the row. */
  pinned?: boolean
  /** Pixels, if somebody chose. */
  width?: number | undefined
}

export type Sorting = { by: string; order: 'asc' | 'desc'; href: (by: string, order: 'asc' | 'desc') => string }

/**
 * The one table: server-sorted by links, scrolling sideways by itself when it must. `caption` names it for assistive technology.
 * Columns stand at module scope; `empty` says what to do when there is nothing.
 */
export function DataTable<Row>({
  caption,
  columns,
  rows,
  rowKey,
  sorting,
  empty,
  density = 'normal',
  resizer,
}: {
  caption: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  rowKey: (row: Row) => string
  sorting?: Sorting
  empty?: ReactNode
  density?: 'normal' | 'compact'
  /** What changes the width of a column, at the end of its head. */
  resizer?: (column: Column<Row>) => ReactNode
}) {
  if (rows.length === 0 && empty) return empty
  return (
    <div
      className={cn(
        'relative overflow-x-auto rounded-lg border bg-raised',
        // A pinned column is the end itself, and says by its line that there is more behind it.
        !columns.some(({ pinned }) => pinned) && 'more-to-the-right',
      )}
      role="region"
      aria-label={caption}
      tabIndex={0}
    >
      <table className="w-full border-collapse text-left text-[13px]">
        <caption className="sr-only">{caption}</caption>
        <thead className="border-b bg-surface text-muted-foreground">
          <tr>
            {columns.map((column) => (
              <th
                key={column.id}
                scope="col"
                aria-sort={ariaSort(column, sorting)}
                style={
                  column.width ? { width: column.width, minWidth: column.width, maxWidth: column.width } : undefined
                }
                className={cn('relative py-2 font-medium', !column.numeric && 'whitespace-nowrap', cellClasses(column))}
              >
                {column.sort && sorting ? <SortLink column={column} sorting={sorting} /> : column.header}
                {resizer?.(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y">
          {rows.map((row) => (
            <tr key={rowKey(row)} className="hover:bg-surface">
              {columns.map((column) => (
                <td
                  key={column.id}
                  className={cn(
                    density === 'compact' ? 'py-0.5' : 'py-2',
                    'align-top',
                    cellClasses(column),
                    column.pinned && 'max-md:sticky max-md:right-0 max-md:border-l max-md:bg-raised',
                    column.className,
                  )}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function SortLink<Row>({ column, sorting }: { column: Column<Row>; sorting: Sorting }) {
  const active = sorting.by === column.sort
  const next = active && sorting.order === 'asc' ? 'desc' : 'asc'
  const Icon = !active ? ChevronsUpDown : sorting.order === 'asc' ? ArrowUp : ArrowDown
  return (
    <Link
      href={sorting.href(column.sort!, next)}
      scroll={false}
      prefetch={false}
      className={cn('inline-flex items-center gap-1 rounded-sm hover:text-foreground', active && 'text-foreground')}
    >
      {column.header}
      <Icon className="size-3.5 shrink-0" aria-hidden />
    </Link>
  )
}

function cellClasses<Row>(column: Column<Row>): string {
  const hidden = column.wide && (column.wide === 'very' ? 'hidden 2xl:table-cell' : 'hidden md:table-cell')
  return cn('px-2 2xl:px-3', column.numeric && 'text-right tabular-nums', hidden)
}

function ariaSort<Row>(column: Column<Row>, sorting?: Sorting): 'ascending' | 'descending' | undefined {
  if (!sorting || !column.sort || sorting.by !== column.sort) return undefined
  return sorting.order === 'asc' ? 'ascending' : 'descending'
}
