import { expect, test } from 'vitest'
import { toCsv } from './csv.ts'

test('quotes, commas and line breaks survive a spreadsheet', () => {
  expect(toCsv(['a', 'b'], [['say "hi", twice', 'two\nlines']])).toBe('a,b\r\n"say ""hi"", twice","two\nlines"\r\n')
})

test('text that looks like a formula stays text; numbers stay numbers', () => {
  expect(toCsv(['x', 'n'], [['=HYPERLINK("http://evil.example")', -3]])).toBe(
    `x,n\r\n"'=HYPERLINK(""http://evil.example"")",-3\r\n`,
  )
})
