import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AgentFilter, formatAgentQuery, parseAgentQuery, type Qualifier, qualifiers } from './query-language.ts'

function parsed(text: string): AgentFilter {
  const result = parseAgentQuery(text)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

function refused(text: string) {
  const result = parseAgentQuery(text)
  if (result.ok) throw new Error(`"${text}" parsed`)
  return result.error
}

describe('the query language', () => {
  test('reads qualifiers, alternatives, quotes and free text', () => {
    expect(parsed('can:write env:production,staging owner:"Finance, Platform" Invoice "two words"')).toEqual({
      clauses: [
        { key: 'can', values: ['write'] },
        { key: 'env', values: ['production', 'staging'] },
        { key: 'owner', values: ['finance, platform'] },
      ],
      words: ['invoice', 'two words'],
    })
    expect(parsed('  ')).toEqual({ clauses: [], words: [] })
    expect(parsed('CAN:Write').clauses).toEqual([{ key: 'can', values: ['write'] }])
  })

  test('names the column of what is wrong, and what was probably meant', () => {
    expect(refused('invoice stats:active')).toMatchObject({ column: 9, suggestion: 'status' })
    expect(refused('can:wriet')).toMatchObject({ column: 5, suggestion: 'write' })
    expect(refused('status:active owner:')).toMatchObject({ column: 21 })
    expect(refused('x "never closed')).toMatchObject({ column: 3 })
    expect(refused('can:read can:write').message).toContain('twice')
    expect(refused('http://example')).toMatchObject({ column: 1 })
    expect(refused('toString:x')).toMatchObject({ column: 1, suggestion: null })
  })

  test('a filter survives being written and read', () => {
    fc.assert(
      fc.property(anyFilter(), (filter) => {
        expect(parsed(formatAgentQuery(filter))).toEqual(filter)
      }),
    )
  })

  test('any text gives a filter or an error inside of the text', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), (text) => {
      const result = parseAgentQuery(text)
      return result.ok
        ? isDeepStrictEqual(parsed(formatAgentQuery(result.value)), result.value)
        : result.error.column >= 1 && result.error.column <= text.length + 1
    })
    expect(() => fc.assert(property)).not.toThrow()
  })
})

function anyFilter(): fc.Arbitrary<AgentFilter> {
  const text = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 12 })
    .map((value) => value.toLowerCase())
    .filter((value) => value.trim() === value && value !== '' && value.toLowerCase() === value)
  const clause = fc.constantFrom(...(Object.keys(qualifiers) as Qualifier[])).chain((key) => {
    const allowed: readonly string[] | null = qualifiers[key]
    const value = allowed ? fc.constantFrom(...allowed) : text
    return fc.record({ key: fc.constant(key), values: fc.uniqueArray(value, { minLength: 1, maxLength: 3 }) })
  })
  return fc.record({
    clauses: fc.uniqueArray(clause, { selector: ({ key }) => key, maxLength: 4 }),
    words: fc.array(text, { maxLength: 3 }),
  })
}
