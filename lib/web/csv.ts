type Cell = string | number

/**
 * A table as RFC 4180. Text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV injection): names come
 * from people. So does text that looks as if it had got one, so that `textOfCell` gives back exactly what was written.
 */
export function toCsv(header: readonly Cell[], rows: readonly (readonly Cell[])[]): string {
  return [header, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('')
}

/** Apostrophes, and then what begins a formula, also in the full width that some spreadsheets read as the same. */
const formula = /^'*[=+\-@\t\r＝＋－＠]/

/** What a text was before it became a cell: one apostrophe less where a formula would begin. */
export function textOfCell(cell: string): string {
  return cell.startsWith("'") && formula.test(cell) ? cell.slice(1) : cell
}

function cell(value: Cell): string {
  if (typeof value === 'number') return String(value)
  const safe = formula.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
