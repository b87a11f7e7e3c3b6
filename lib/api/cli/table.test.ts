import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Column, facts, table } from './table.ts'
import { fit, oneLine, plain, textWidth } from './text.ts'

type Row = { id: string; note: string; cost: string }
const columns: Column<Row>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NOTE', value: ({ note }) => note, widthMin: 6, dispensable: 1 },
  { title: 'COST', value: ({ cost }) => cost, align: 'right' },
]
const rows: Row[] = [
  { id: 'invoice-reconciler', note: 'matches invoices to orders', cost: '$1.20' },
  { id: 'x1', note: 'short', cost: '$1,234.00' },
]

describe('a table', () => {
  test('is as wide as its text when nobody looks', () => {
    expect(table(columns, rows, null)).toBe(
      [
        'ID                  NOTE                             COST',
        'invoice-reconciler  matches invoices to orders      $1.20',
        'x1                  short                       $1,234.00',
      ].join('\n'),
    )
  })

  test('cuts what may be cut, then leaves a column out, and never cuts an id', () => {
    expect(table(columns, rows, 45).split('\n')[1]).toBe('invoice-reconciler  matches invoi…      $1.20')
    expect(table(columns, rows, 32).split('\n')[1]).toBe('invoice-reconciler      $1.20')
    expect(table(columns, rows, 5)).toContain('invoice-reconciler')
  })

  test('fits every terminal that its ids fit in', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ id: fc.string({ maxLength: 8 }), note: fc.string(), cost: fc.string({ maxLength: 8 }) })),
        fc.integer({ min: 24, max: 90 }),
        (some, width) => {
          for (const line of table(columns, some, width).split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(width)
        },
      ),
    )
  })
})

test('facts stand below each other, without those that are empty', () => {
  expect(
    facts([
      ['Name', 'a'],
      ['Nothing', null],
      ['Steps', 'one\ntwo'],
    ]),
  ).toBe('Name   a\nSteps  one\n       two')
})

describe('text', () => {
  test('cannot hold what a terminal would obey', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(plain(text)).not.toMatch(/[^\P{Cc}\n\t]/u)
        expect(oneLine(text)).not.toMatch(/\p{Cc}/u)
      }),
    )
  })

  test('is cut to a width whatever its script', () => {
    expect(fit('agents', 6)).toBe('agents')
    expect(fit('agents', 4)).toBe('age…')
    expect(textWidth('日本')).toBe(4)
    expect(fit('日本語', 4)).toBe('日…')
    expect(fit('x', 0)).toBe('')
  })
})
