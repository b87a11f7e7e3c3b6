import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonFault } from './json-fault.ts'

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test.each([
  ['{\n  "a": 1,\n  "b" 2\n}', 3, 7, 'colon'],
  ['{\n  "a": 1,\n}', 3, 1, 'name'],
  ['[1,\n 2\n 3]', 3, 2, 'comma or ]'],
  ['{"a": "x\ny"}', 1, 7, 'closed'],
  ['{"a": tru}', 1, 7, 'value'],
  ['[1, 2', 1, 6, 'ends too early'],
  ['', 1, 1, 'ends too early'],
  ['{} {}', 1, 4, 'follows'],
  ["{'a': 1}", 1, 2, 'name'],
])('%j has its fault at %i:%i', (text, line, column, message) => {
  expect(jsonFault(text)).toEqual({ line, column, message: expect.stringContaining(message) as string })
})

test('it finds a fault exactly where the engine finds one, whatever is cut out or put in', () => {
  const broken = fc
    .tuple(fc.jsonValue({ maxDepth: 4 }), fc.nat(), fc.nat(3), fc.constantFrom('', ',', '"', '}', '[', '\\', '1', '\n', 'e', '.'))
    .map(([value, at, cut, added]) => {
      const text = JSON.stringify(value, null, 1)
      const from = at % (text.length + 1)
      return text.slice(0, from) + added + text.slice(from + cut)
    }) // prettier-ignore
  fc.assert(
    fc.property(broken, (text) => {
      const fault = jsonFault(text)
      expect(fault === null).toBe(isJson(text))
      if (!fault) return
      const lines = text.split('\n')
      expect(fault.line).toBeLessThanOrEqual(lines.length)
      expect(fault.column).toBeLessThanOrEqual((lines[fault.line - 1] ?? '').length + 1)
    }),
    { numRuns: 2000 },
  )
})

test('depth and size cost nothing', () => {
  const deep = '['.repeat(1_000_000)
  expect(jsonFault(deep)).toMatchObject({ line: 1, column: 1_000_001 })
  expect(jsonFault(`"${'x'.repeat(5_000_000)}"`)).toBeNull()
})
