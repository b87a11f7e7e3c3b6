import { expect, test } from 'vitest'
import { parseLayout } from './parse-layout.ts'

const kept = (value: unknown): string => encodeURIComponent(JSON.stringify(value))

test('what was arranged is read as it was kept', () => {
  const layout = { columns: ['agent', 'cost'], density: 'compact', widths: { agent: 240, cost: 96 } }
  expect(parseLayout(kept(layout))).toEqual(layout)
})

test.each([[undefined], [''], ['%E0%A4%A'], ['{'], [kept('text')], [kept(null)], [kept([1])]])(
  'nothing that can be read is nothing arranged: %j',
  (text) => {
    expect(parseLayout(text)).toEqual({ widths: {} })
  },
)

test('a part that cannot be read leaves the others as they are', () => {
  const widths = { agent: 240 }
  expect(parseLayout(kept({ columns: ['agent', 'colour'], density: 'compact', widths }))).toEqual({
    columns: undefined,
    density: 'compact',
    widths,
  })
  expect(parseLayout(kept({ columns: ['agent'], density: 'huge', widths: { agent: 4_000_000 } }))).toEqual({
    columns: ['agent'],
    density: undefined,
    widths: {},
  })
})
