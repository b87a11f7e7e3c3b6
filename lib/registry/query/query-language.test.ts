import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyQuery } from '#lib/dev/test/any-query.ts'
import type { AgentQuery } from './ast.ts'
import { toggleValue } from './edit.ts'
import { parseAgentQuery } from './parse.ts'
import { formatAgentQuery, textQuery } from './print.ts'

function parsed(text: string): AgentQuery {
  const result = parseAgentQuery(text)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

function refused(text: string) {
  const result = parseAgentQuery(text)
  if (result.ok) throw new Error(`"${text}" parsed`)
  return result.error
}

const text = (value: string) => ({ is: 'text', text: value })

describe('the query language', () => {
  test('reads qualifiers, alternatives, quotes and free text', () => {
    expect(parsed('can:write env:production,staging owner:"Finance, Platform" Invoice "two words"').items).toEqual([
      { kind: 'term', key: 'can', values: [text('write')] },
      { kind: 'term', key: 'env', values: [text('production'), text('staging')] },
      { kind: 'term', key: 'owner', values: [text('finance, platform')] },
      { kind: 'word', text: 'invoice' },
      { kind: 'word', text: 'two words' },
    ])
    expect(parsed('  ').items).toEqual([])
    expect(parsed('CAN:Write').items).toEqual([{ kind: 'term', key: 'can', values: [text('write')] }])
  })

  test('reads ranges of numbers, days, dates and versions', () => {
    const everything = `can:write env:production server:erp tool:post_invoice owner:finance-platform-team status:active tier:high
      template:invoice-reconciler@<2.0 drift:any reviewed:<2026-06-01 overdue:yes runs:<5 cost:>100 escalation:>0.1 idle:>30d model:opus sponsor:none`
    expect(parsed(everything).items).toHaveLength(17)
    expect(
      parsed('runs:5..10 idle:>=2w cost:5 reviewed:2026-05-01..').items.map(
        (item) => 'values' in item && item.values[0],
      ),
    ).toEqual([
      { is: 'range', range: { min: { at: 5, inclusive: true }, max: { at: 10, inclusive: true } } },
      { is: 'range', range: { min: { at: 14, inclusive: true }, max: null } },
      { is: 'range', range: { min: { at: 5, inclusive: true }, max: { at: 5, inclusive: true } } },
      { is: 'range', range: { min: { at: 20_574, inclusive: true }, max: null } },
    ])
  })

  test('takes a word that is said again once, and no more parts than are answered at once', () => {
    expect(parsed('invoice ! INVOICE -x "!" -x').items).toHaveLength(3)
    const words = (count: number) => Array.from({ length: count }, (_, at) => `w${at}`).join(' ')
    expect(parsed(words(40)).items).toHaveLength(40)
    expect(refused(`${words(40)} (one too many)`)).toMatchObject({
      column: 152,
      message: expect.stringContaining('40 parts'),
    })
  })

  test('negates terms, words and groups, and reads alternatives', () => {
    expect(parsed('-status:retired -word -"a b"').items.map(({ kind }) => kind)).toEqual(['not', 'not', 'not'])
    expect(formatAgentQuery(parsed('-(server:erp can:write) (tier:high OR runs:>5 x)'))).toBe(
      '-(server:erp can:write) (tier:high or runs:>5 x)',
    )
    expect(parsed('a or b').items[0]).toMatchObject({ kind: 'or' })
    expect(parsed('- a').items).toEqual([
      { kind: 'word', text: '-' },
      { kind: 'word', text: 'a' },
    ])
    expect(parsed('order "or" organ').items).toHaveLength(3)
  })

  test('names the column of what is wrong, and what was probably meant', () => {
    expect(refused('invoice stats:active')).toMatchObject({ column: 9, suggestion: 'status' })
    expect(refused('can:wriet')).toMatchObject({ column: 5, suggestion: 'write' })
    expect(refused('cna:write')).toMatchObject({ column: 1, suggestion: 'can' })
    expect(refused('env:prod')).toMatchObject({ column: 5, suggestion: 'production' })
    expect(refused('status:active,retird')).toMatchObject({ column: 15, suggestion: 'retired' })
    expect(refused('status:active owner:')).toMatchObject({ column: 21 })
    expect(refused('x "never closed')).toMatchObject({ column: 3 })
    expect(refused('can:read can:write').message).toContain('twice')
    expect(refused('http://example')).toMatchObject({ column: 1 })
    expect(refused('toString:x')).toMatchObject({ column: 1, suggestion: null })
    expect(refused('a (b')).toMatchObject({ column: 3 })
    expect(refused('a b)')).toMatchObject({ column: 4 })
    expect(refused('()')).toMatchObject({ column: 1 })
    expect(refused('a (b or )')).toMatchObject({ column: 6 })
    expect(refused('runs:many')).toMatchObject({ column: 6 })
    expect(refused('reviewed:2026-02-30')).toMatchObject({ column: 10 })
    expect(refused('template:a@<x').message).toContain('version')
    expect(refused('('.repeat(30)).message).toContain('deep')
  })

  test('a query survives being written and read', () => {
    fc.assert(
      fc.property(anyQuery(), (query) => {
        expect(parsed(formatAgentQuery(query))).toEqual(query)
      }),
      { numRuns: 60 },
    )
  }, 30_000)

  test('any text gives a query that survives being written and read, or an error inside of the text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(
        ' ',
        '(',
        ')',
        '-',
        ' or ',
        '"',
        ':',
        ',',
        'can:',
        'runs:',
        'template:',
        'a@<1',
        '..',
        '5',
        'write',
        'never',
      ),
    )
    const property = fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const result = parseAgentQuery(pieces.join(''))
      if (result.ok) expect(parsed(formatAgentQuery(result.value))).toEqual(result.value)
      else
        expect(result.error.column).toSatisfy((column: number) => column >= 1 && column <= pieces.join('').length + 1)
    })
    fc.assert(property, { numRuns: 2000 })
  })

  test('what somebody types is taken as text, whatever stands in it', () => {
    expect(textQuery('  ')).toBe('')
    fc.assert(
      fc.property(fc.array(fc.constantFrom('\\', '"', 'a', ' ', ':', '(', '-', 'owner:', ' or ')), (pieces) => {
        const { items } = parsed(textQuery(pieces.join('')))
        expect(items.every(({ kind }) => kind === 'word')).toBe(true)
      }),
    )
    expect(parsed(textQuery('invoice\\')).items).toMatchObject([{ kind: 'word', text: 'invoice' }])
  })

  test('a value is switched on and off among alternatives, in its place', () => {
    const switched = (query: string, value: string) => formatAgentQuery(toggleValue(parsed(query), 'status', value))
    expect(switched('a status:active b', 'retired')).toBe('a status:active,retired b')
    expect(switched('a status:active,retired b', 'active')).toBe('a status:retired b')
    expect(switched('a status:active b', 'active')).toBe('a b')
    expect(switched('(status:active or b)', 'retired')).toBe('(status:active or b) status:retired')
  })
})
