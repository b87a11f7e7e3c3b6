import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostileBlocks, hostileLines } from '#lib/dev/test/hostile-texts.ts'
import { textOfCell, toCsv } from './csv.ts'

test('quotes, commas and line breaks survive a spreadsheet', () => {
  expect(toCsv(['a', 'b'], [['say "hi", twice', 'two\nlines']])).toBe('a,b\r\n"say ""hi"", twice","two\nlines"\r\n')
})

test('text that looks like a formula stays text; numbers stay numbers', () => {
  expect(toCsv(['x', 'n'], [['=HYPERLINK("http://evil.example")', -3]])).toBe(
    `x,n\r\n"'=HYPERLINK(""http://evil.example"")",-3\r\n`,
  )
})

test('no cell begins a formula, and every one reads back as what was written', () => {
  const known = [...hostileLines, ...hostileBlocks].map(([, text]) => text)
  const begins = fc.constantFrom('', "'", "''", '=', '+', '-', '@', '\t', '\r', '＝', '＠', ' =', '"', ',')
  const text = fc.oneof(fc.constantFrom(...known), fc.tuple(begins, begins, fc.string({ unit: 'binary' })).map((parts) => parts.join(''))) // prettier-ignore
  fc.assert(
    fc.property(fc.array(fc.array(text, { minLength: 2, maxLength: 2 }), { minLength: 1, maxLength: 5 }), (rows) => {
      const cells: string[][] = parse(toCsv(['a', 'b'], rows), { from: 2, relax_column_count: true })
      expect(cells.flat().filter((cell) => /^[=+\-@\t\r＝＋－＠]/.test(cell))).toEqual([])
      expect(cells.map((row) => row.map(textOfCell))).toEqual(rows)
    }),
    { numRuns: 500 },
  )
})
