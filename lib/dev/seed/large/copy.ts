import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'

export type CopyValue = string | number | boolean | Date | null | object

const chunkRows = 2000

/** Loads rows by COPY, as they come: nothing is held but a chunk. Returns how many. */
export async function copyRows(
  client: pg.ClientBase,
  table: string,
  columns: readonly string[],
  rows: Iterable<readonly CopyValue[]>,
): Promise<number> {
  let count = 0
  function* chunks(): Generator<string> {
    let chunk = ''
    for (const row of rows) {
      chunk += `${row.map(field).join('\t')}\n`
      count += 1
      if (count % chunkRows === 0) {
        yield chunk
        chunk = ''
      }
    }
    if (chunk) yield chunk
  }
  const names = columns.map((column) => `"${column}"`).join(', ')
  await pipeline(Readable.from(chunks()), client.query(copyFrom(`copy "${table}" (${names}) from stdin`)))
  return count
}

/** The text format of COPY. */
function field(value: CopyValue): string {
  if (value === null) return '\\N'
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'object') return escaped(JSON.stringify(value))
  return typeof value === 'string' ? escaped(value) : String(value)
}

function escaped(text: string): string {
  return text.replace(/[\\\n\r\t]/g, (char) => ({ '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' })[char]!)
}
