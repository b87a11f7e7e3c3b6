import { fit, oneLine, padEnd, padStart, textWidth } from './text.ts'

export type Column<T> = {
  title: string
  value: (row: T) => string
  align?: 'right'
  /** May be cut down to this width when the terminal is narrow; left out: never cut. */
  widthMin?: number
  /** Left out altogether when cutting is not enough; the highest goes first. */
  dispensable?: number
}

const gap = '  '

/** Rows below a header. `width` is the terminal's; null: nobody looks, so nothing is cut. */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[], width: number | null): string {
  const laid = columns.map((column) => {
    const cells = rows.map((row) => oneLine(column.value(row)))
    return { column, cells, width: Math.max(textWidth(column.title), ...cells.map(textWidth)) }
  })
  const shown = width === null ? laid : squeezed(laid, width)
  const line = (text: (at: (typeof shown)[number]) => string) =>
    shown
      .map((entry) => {
        const cut = fit(text(entry), entry.width)
        return entry.column.align === 'right' ? padStart(cut, entry.width) : padEnd(cut, entry.width)
      })
      .join(gap)
      .trimEnd()
  const body = rows.map((_, at) => line(({ cells }) => cells[at] ?? ''))
  return [line(({ column }) => column.title), ...body].join('\n')
}

/** Names and values below each other; empty values are left out. */
export function facts(pairs: readonly (readonly [name: string, value: string | null])[]): string {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== null && pair[1] !== '')
  const width = Math.max(0, ...shown.map(([name]) => textWidth(name)))
  return shown.map(([name, value]) => `${padEnd(name, width)}${gap}${indented(value, width + gap.length)}`).join('\n')
}

function indented(value: string, by: number): string {
  return value.split('\n').join(`\n${' '.repeat(by)}`)
}

type Laid = { column: Column<never>; width: number }

function squeezed<L extends Laid>(laid: readonly L[], width: number): L[] {
  let shown = laid.map((entry) => ({ ...entry }))
  for (;;) {
    const over = total(shown) - width
    if (over <= 0) return shown
    const cuttable = shown.filter(({ column, width: now }) => column.widthMin !== undefined && now > column.widthMin)
    const widest = cuttable.toSorted((a, b) => b.width - a.width)[0]
    if (widest) {
      widest.width -= 1
      continue
    }
    const dispensable = shown
      .filter(({ column }) => column.dispensable !== undefined)
      .toSorted((a, b) => (b.column.dispensable ?? 0) - (a.column.dispensable ?? 0))[0]
    if (!dispensable) return shown
    // With one column less, the others may have their full width again.
    shown = laid.filter(({ column }) => keeps(shown, column, dispensable.column)).map((entry) => ({ ...entry }))
  }
}

function keeps(shown: readonly Laid[], column: unknown, left: unknown): boolean {
  return column !== left && shown.some((entry) => entry.column === column)
}

function total(shown: readonly Laid[]): number {
  return shown.reduce((sum, { width }) => sum + width, 0) + gap.length * Math.max(0, shown.length - 1)
}
