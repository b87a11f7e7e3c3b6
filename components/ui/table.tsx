import type { ComponentProps, ReactNode } from 'react'
import { cn } from './cn.ts'

export type Column<Row> = {
  key: string
  header: ReactNode
  cell: (row: Row) => ReactNode
  /** Figures are right-aligned. */
  align?: 'right'
  /** Left out on narrow screens. */
  wide?: boolean
  className?: string
  sort?: { href: string; direction: 'ascending' | 'descending' | 'none' }
}

/** The one table: static columns, server-side rows, sorting by link so that the URL is the state. */
export function DataTable<Row>({
  caption,
  columns,
  rows,
  rowKey,
  empty,
}: {
  /** For screen readers: what the rows are. */
  caption: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  rowKey: (row: Row) => string
  empty?: ReactNode
}) {
  if (rows.length === 0 && empty) return <>{empty}</>
  return (
    <div className="overflow-x-auto" role="region" aria-label={caption} tabIndex={0}>
      <table className="w-full border-collapse text-sm">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="border-b text-left text-[13px] text-muted-foreground">
            {columns.map((column) => (
              <th
                key={column.key}
                scope="col"
                aria-sort={column.sort?.direction}
                className={cn(cellClasses(column), 'font-medium')}
              >
                {column.sort ? <SortLink {...column.sort}>{column.header}</SortLink> : column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)} className="border-b last:border-0 hover:bg-raised/60">
              {columns.map((column) => (
                <td key={column.key} className={cellClasses(column)}>
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

function cellClasses(column: Pick<Column<never>, 'align' | 'wide' | 'className'>): string {
  return cn(
    'px-3 py-2 align-top first:pl-4 last:pr-4',
    column.align === 'right' && 'text-right tabular-nums',
    column.wide && 'hidden md:table-cell',
    column.className,
  )
}

function SortLink({ href, direction, children }: { href: string; direction: string; children: ReactNode }) {
  const arrow = { ascending: '↑', descending: '↓' }[direction] ?? ''
  return (
    <a href={href} className="inline-flex items-center gap-1 hover:text-foreground hover:underline">
      {children}
      <span aria-hidden>{arrow}</span>
    </a>
  )
}

/** Label and value pairs of a detail page. */
export function Facts({ className, ...props }: ComponentProps<'dl'>) {
  return <dl className={cn('grid grid-cols-[minmax(7rem,auto)_1fr] gap-x-4 gap-y-2 text-sm', className)} {...props} />
}

export function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted-foreground">{label}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  )
}
