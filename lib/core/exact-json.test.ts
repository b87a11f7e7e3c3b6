import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inexactNumber, isExactNumber, parseExactly } from './exact-json.ts'

test.each([
  '9007199254740993',
  '-9007199254740993',
  '18446744073709551616',
  '9223372036854775807',
  '1e400',
  '-1E+999',
  '12345678901234567.89',
  `9007199254740993.${'0'.repeat(100_000)}1`,
  '9'.repeat(100_000),
])('%.40s is passed on as it was written, and found', (source) => {
  for (const text of [`{"id":${source}}`, `[1,${source}]`, `{"a": {"id" : ${source} } }`]) {
    expect(JSON.stringify(parseExactly(text))).toBe(text.replaceAll(' ', ''))
    expect(inexactNumber(text)?.source === source).toBe(true)
  }
})

test.each([
  '1',
  '-0',
  '1e3',
  '1e22',
  '1.5e300',
  '9007199254740991',
  '9007199254740992',
  '1e23',
  '0.1',
  '100000000000000000000',
])('%s is a number like any other', (source) => {
  expect(inexactNumber(`{"id":${source}}`)).toBeNull()
  expect(parseExactly(`{"id":${source}}`)).toEqual({ id: Number(source) })
})

test('what a double prints is never found, nor are digits in text', () => {
  fc.assert(
    fc.property(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger()), (value) => {
      const text = JSON.stringify({ value, text: `: ${value} 9007199254740993 1e400` })
      expect(inexactNumber(text)).toBeNull()
      expect(parseExactly(text)).toEqual(JSON.parse(text))
    }),
  )
})

test('every whole number comes back to the digit', () => {
  fc.assert(
    fc.property(fc.bigInt(), (value) => {
      expect(JSON.stringify(parseExactly(`[${value}]`))).toBe(`[${value}]`)
    }),
  )
})

test('a kept number can be told from an object that looks like one', () => {
  const { kept, plain } = parseExactly('{"kept":9007199254740993,"plain":{"rawJSON":"1"}}') as Record<string, unknown>
  expect([isExactNumber(kept), isExactNumber(plain), isExactNumber(1)]).toEqual([true, false, false])
})

test('whatever text is around it, the number is found by its name and everything else stays', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('\\', '"', '\\"', ': 1e400,'))), (texts) => {
      const text = `{"texts":${JSON.stringify(texts)},"id":9007199254740993}`
      expect(inexactNumber(text)).toEqual({ name: 'id', source: '9007199254740993' })
      expect(JSON.stringify(parseExactly(text))).toBe(text)
    }),
  )
})
